import Glibc
import ReverseClient
import Sockets

/// Standard output for modes that write little and may block.
struct StandardOutput {
    let endpoint: Endpoint

    func write(_ text: String) throws(ClientError) { try write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) throws(ClientError) {
        do {
            try DescriptorWriting.writeAll(bytes, to: STDOUT_FILENO, action: "write the answers")
        } catch {
            throw ClientError(.cannotWrite(error), endpoint: endpoint)
        }
    }
}
