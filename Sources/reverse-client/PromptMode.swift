import Glibc
import ReverseClient
import Sockets

/// A person at a terminal.
struct PromptMode {
    let endpoint: Endpoint
    let timeout: Duration

    func run() throws {
        let conversation = Conversation(with: endpoint, timeout: timeout)
        try conversation.connect()
        while true {
            Self.write(Array("Enter a String: ".utf8))
            guard let line = readLine(strippingNewline: true) else {
                Self.write([0x0A])
                return
            }
            if line == "exit" { return }
            do {
                let answer = try conversation.ask(Array(line.utf8))
                Self.write(Array("Reversed string from server:".utf8) + answer + [0x0A])
            } catch {
                Message.print(error.description)
            }
        }
    }

    private static func write(_ bytes: [UInt8]) {
        _ = bytes.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    }
}
