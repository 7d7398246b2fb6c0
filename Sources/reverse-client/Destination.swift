import ArgumentParser
import Glibc
import Sockets

/// The server: from options, then the environment, then the default.
struct Destination: ParsableArguments {
    static let defaultHost = "127.0.0.1"
    static let defaultPort: UInt16 = 5000

    @Option(
        name: [.customShort("H", allowingJoined: true), .long],
        help: ArgumentHelp(
            "The server: a name, an address, host:port, [::1]:port, or the path of a Unix socket "
                + "(default: $REVERSED_HOST or 127.0.0.1).",
            valueName: "host"
        ),
        completion: .custom { _, _, _ in ["localhost", "127.0.0.1", "::1"] }
    )
    var host: String?

    @Option(
        name: [.customShort("p", allowingJoined: true), .long],
        help: ArgumentHelp("The server's port (default: $REVERSED_PORT or 5000).", valueName: "port")
    )
    var port: String?

    @Option(
        name: [.customShort("U", allowingJoined: true), .long],
        help: ArgumentHelp("The server's Unix socket, instead of host and port.", valueName: "path"),
        completion: .file()
    )
    var unix: String?

    /// The endpoint named by options and environment.
    func endpoint() throws -> Endpoint {
        try endpoint(environment: Environment.text)
    }

    func endpoint(environment: (String) -> String?) throws -> Endpoint {
        if let unix {
            guard host == nil, port == nil else {
                throw ValidationError("-U names the server alone: leave out -H and -p")
            }
            guard !unix.isEmpty else { throw ValidationError("-U needs the path of a socket") }
            return .unix(path: unix)
        }
        // An empty variable counts as not set.
        let hostVariable = environment("REVERSED_HOST").flatMap { $0.isEmpty ? nil : $0 }
        let portVariable = environment("REVERSED_PORT").flatMap { $0.isEmpty ? nil : $0 }

        let text = host ?? hostVariable ?? Self.defaultHost
        let origin = host != nil ? "-H" : "REVERSED_HOST"
        let named = try Self.parse(text, origin: origin)
        switch named.endpoint {
        case .unix(let path):
            if port != nil {
                throw ValidationError("-p has no meaning with the Unix socket \(path) of \(origin)")
            }
            return named.endpoint
        case .internet(let name, let ownPort):
            if named.namesPort, host != nil, port != nil {
                throw ValidationError("both -H \(text) and -p name a port: leave one out")
            }
            let chosen: UInt16
            if let port {
                chosen = try Self.parsePort(port, origin: "-p")
            } else if named.namesPort {
                chosen = ownPort
            } else if let portVariable {
                chosen = try Self.parsePort(portVariable, origin: "REVERSED_PORT")
            } else {
                chosen = Self.defaultPort
            }
            guard chosen > 0 else {
                throw ValidationError(
                    "\(origin): port 0 names no server: a port is a whole number from 1 to 65535"
                )
            }
            return .internet(host: name, port: chosen)
        }
    }

    private static func parse(_ text: String, origin: String) throws -> (endpoint: Endpoint, namesPort: Bool)
    {
        if ByteText.holdsOther(text), !text.contains("/") {
            throw ValidationError("\(origin): \"\(text)\" is not a host: its bytes are not UTF-8")
        }
        if text.contains("://") {
            throw ValidationError(
                "\(origin): \"\(text)\" is a URL: write a host, host:port, or the path of a Unix socket"
            )
        }
        do {
            let endpoint = try Endpoint(parsing: text, defaultPort: 0)
            // A port that follows the default was not given.
            return (endpoint, try Endpoint(parsing: text, defaultPort: 1) == endpoint)
        } catch {
            throw ValidationError("\(origin): \(error)")
        }
    }

    private static func parsePort(_ text: String, origin: String) throws -> UInt16 {
        guard text.utf8.allSatisfy({ (48...57).contains($0) }), let port = UInt16(text), port > 0 else {
            throw ValidationError("\(origin): \"\(text)\" is not a port: a whole number from 1 to 65535")
        }
        return port
    }
}
