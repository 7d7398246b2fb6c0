// knock HOST:PORT: tries each address of a service, and prints which of them accept connections.
import Glibc
import Sockets

guard CommandLine.arguments.count == 2 else {
    print("usage: knock HOST:PORT or knock PATH")
    exit(64)
}
do {
    let endpoint = try Endpoint(parsing: CommandLine.arguments[1], defaultPort: 5_000)
    for address in try endpoint.resolve() {
        print("\(address): \(knock(at: address))")
    }
} catch {
    print("knock: \(error)")
    exit(1)
}

/// Tries to connect for two seconds; returns the result. The socket is closed when its descriptor goes out of scope.
func knock(at address: SocketAddress) -> String {
    do {
        let socket = try StreamSocket.connect(to: address)
        var event = pollfd(fd: socket.number, events: Int16(POLLOUT), revents: 0)
        guard poll(&event, 1, 2_000) > 0 else { return "no answer" }
        let code = StreamSocket.pendingError(of: socket.number)
        return code == 0 ? "open" : SystemError.reason(code)
    } catch {
        return "\(error)"
    }
}
