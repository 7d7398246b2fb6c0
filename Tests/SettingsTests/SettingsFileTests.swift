import DispatchServer
import Glibc
import Sockets
import Testing

@testable import Settings

@Suite("Reading the file")
struct SettingsFileTests {
    @Test("A file is read; a missing one is an error unless it may be missing")
    func present() throws {
        let directory = try TemporaryDirectory()
        let missing = directory.path + "/reversed.toml"
        #expect(mistakesOfFile(missing) == ["\(missing): there is no such file"])
        #expect(try Settings.load(path: missing, mayBeMissing: true) == Settings())
        #expect(
            try Settings.load(path: missing, mayBeMissing: true, overrides: Overrides(port: 7)).server
                .listeners.map(
                    \.endpoint
                )
                == [.internet(host: "127.0.0.1", port: 7)]
        )
        let file = try directory.write("port = 9".utf8)
        #expect(
            try Settings.load(path: file).server.listeners.map(\.endpoint) == [
                .internet(host: "127.0.0.1", port: 9)
            ]
        )
        #expect(mistakesOfFile(file + "/x") == ["\(file)/x: cannot be opened: Not a directory"])
    }

    @Test("A file that is not regular is refused at once", .timeLimit(.minutes(1)))
    func otherKinds() throws {
        let directory = try TemporaryDirectory()
        let pipe = directory.path + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(mistakesOfFile(directory.path) == ["\(directory.path): is a directory; name the file in it"])
        for path in [pipe, "/dev/zero", "/dev/tty", "/dev/null"] {
            #expect(mistakesOfFile(path).count == 1, "\(path)")
        }
    }

    @Test("A file without permission to read is reported")
    func unreadable() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("".utf8)
        chmod(file, 0)
        // Root may read everything.
        if geteuid() != 0 {
            #expect(mistakesOfFile(file) == ["\(file): cannot be opened: Permission denied"])
        }
        chmod(file, 0o600)
        #expect(mistakesOfFile(file) == [])
    }

    @Test("The size is bounded")
    func size() throws {
        let directory = try TemporaryDirectory()
        let largest = [UInt8](repeating: UInt8(ascii: "#"), count: SettingsFile.maximumBytes)
        #expect(try mistakesOfFile(directory.write(largest)) == [])
        let file = try directory.write(largest + [UInt8(ascii: "#")])
        #expect(mistakesOfFile(file) == ["\(file): is larger than 64 KiB, the most that settings may take"])
    }

    @Test(
        "Bytes that are not UTF-8 are refused, with their line",
        arguments: [
            [0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
        ] as [[UInt8]]
    )
    func notUTF8(bytes: [UInt8]) throws {
        let file = try TemporaryDirectory()
        let path = try file.write(Array("# é\n\n# ".utf8) + bytes + Array("\n#".utf8))
        #expect(mistakesOfFile(path) == ["\(path):3: bytes that are not UTF-8; save the file as UTF-8"])
    }
}
