import Glibc
import Testing

@testable import Systemd

@Suite struct ActivationSocketsTests {
    /// Consecutive descriptors, as systemd passes them, but far above those that other tests open and close.
    final class Row {
        static let first: Int32 = 700
        private(set) var count: Int32 = 0

        /// Duplicates the descriptor to the next number, without close-on-exec, and closes the original.
        func append(_ descriptor: Int32) throws {
            try #require(descriptor >= 0)
            try #require(dup2(descriptor, Self.first + count) >= 0)
            close(descriptor)
            count += 1
        }

        deinit {
            for index in 0..<count { close(Self.first + index) }
        }
    }

    private static func listener(_ family: Int32, type: __socket_type = SOCK_STREAM) -> Int32 {
        let descriptor = socket(family, Int32(type.rawValue), 0)
        // Without bind, listen(2) takes a free port, and a Unix socket refuses.
        if family == AF_UNIX {
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            // The family alone: the kernel finds a free abstract name.
            _ = withUnsafePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, 2) }
            }
        }
        _ = listen(descriptor, 5)
        return descriptor
    }

    private static func isCloseOnExec(_ descriptor: Int32) -> Bool {
        fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0
    }

    @Test func socketsThatWentToAShellAreExplained() async {
        await #expect(processExitsWith: .success) {
            let row = Row()
            try row.append(Self.listener(AF_INET))
            let variables = ActivationVariables(["LISTEN_FDS": "1", "LISTEN_PID": "7"], processID: 8)
            let sockets = ActivationSockets(taking: variables, from: Row.first, processID: 8)
            #expect(sockets.listeners.isEmpty)
            #expect(sockets.warnings.count == 1)
            let warning = sockets.warnings.first ?? ""
            for word in ["process 7 (LISTEN_PID)", "process 8", "with exec"] {
                #expect(warning.contains(word))
            }
        }
    }

    @Test func variablesOfAnotherProcessWithoutItsSocketsMeanNothing() async {
        await #expect(processExitsWith: .success) {
            let row = Row()
            try row.append(open("/dev/null", O_RDONLY))
            let variables = ActivationVariables(["LISTEN_FDS": "1", "LISTEN_PID": "7"], processID: 8)
            for first in [Row.first, Row.first + 1] {
                let sockets = ActivationSockets(taking: variables, from: first, processID: 8)
                #expect(sockets.listeners.isEmpty && sockets.warnings.isEmpty)
            }
        }
    }

    @Test func eachKindIsRecognizedAndTheRestIsClosed() async {
        await #expect(processExitsWith: .success) {
            let row = Row()
            try row.append(Self.listener(AF_INET))
            try row.append(socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0))
            try row.append(Self.listener(AF_INET6))
            try row.append(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
            try row.append(open("/dev/null", O_RDONLY))
            try row.append(Self.listener(AF_UNIX))
            try row.append(Self.listener(AF_UNIX, type: SOCK_SEQPACKET))

            let variables = ActivationVariables(
                ["LISTEN_FDS": "9", "LISTEN_PID": "7", "LISTEN_FDNAMES": "a:b:c:d:e:f:g:h:i"],
                processID: 7
            )
            let sockets = ActivationSockets(taking: variables, from: Row.first)
            #expect(
                sockets.listeners == [
                    ActivationSocket(descriptor: 700, name: "a", family: .ipv4),
                    ActivationSocket(descriptor: 702, name: "c", family: .ipv6),
                    ActivationSocket(descriptor: 705, name: "f", family: .unix),
                ]
            )
            #expect(sockets.listeners.allSatisfy { Self.isCloseOnExec($0.descriptor) })
            for closed: Int32 in [701, 703, 704, 706] { #expect(fcntl(closed, F_GETFD) == -1) }

            let expected = ["701 (b)", "703 (d)", "704 (e)", "706 (g)", "707 is not open"]
            try #require(sockets.warnings.count == expected.count)
            for (warning, part) in zip(sockets.warnings, expected) { #expect(warning.contains(part)) }
            #expect(sockets.warnings[0].contains("a datagram socket"))
            #expect(sockets.warnings[1].contains("does not listen"))
            #expect(sockets.warnings[2].contains("no socket"))
        }
    }

    @Test func theVariablesAreTakenFromTheEnvironment() async {
        await #expect(processExitsWith: .success) {
            for value in ["0", "-2", "2147483644"] {
                setenv("LISTEN_PID", "1", 1)
                setenv("LISTEN_FDS", value, 1)
                setenv("LISTEN_FDNAMES", "x", 1)
                let sockets = ActivationSockets.take()
                #expect(sockets.listeners.isEmpty)
                #expect(sockets.warnings.count == (value == "-2" ? 1 : 0))
                for name in ActivationVariables.all { #expect(getenv(name) == nil) }
            }
        }
    }
}
