// ask [HOST:PORT TEXT…]: sends each text to a line-reversing server, and prints each answer on a line.
import Glibc
import ReverseClient
import Sockets

do {
    guard CommandLine.arguments.count > 2 else {
        let client = Client(.internet(host: "localhost", port: 5_000))
        print(try client.reverse("ADVANCE"))  // ECNAVDA
        exit(0)
    }
    let client = Client(try Endpoint(parsing: CommandLine.arguments[1], defaultPort: 5_000))
    let lines = CommandLine.arguments.dropFirst(2).map { Array($0.utf8) }
    // One connection for all lines. If it is lost, lines without an answer are sent again on a new one.
    for answer in try client.reverse(lines: lines) {
        print(String(decoding: answer, as: UTF8.self))
    }
} catch {
    print("ask: \(error)")
    exit(1)
}
