import Glibc
import Sockets
import Testing

@testable import DispatchServer

@Suite("The file of a Unix socket")
final class SocketFileTests {
    private let directory: String
    private var path: String { directory + "/socket" }

    init() throws {
        var template = Array("/tmp/socket-file-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } != nil }
        try #require(made)
        directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        unlink(path)
        rmdir(directory)
    }

    private var mode: mode_t? {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o777 : nil
    }

    @Test("has the mode that was asked for, and changes it", arguments: [0o600, 0o666] as [UInt32])
    func modes(asked: UInt32) throws {
        var file: SocketFile?
        let listener = try SocketFile.listen(at: path, mode: asked, made: &file)
        #expect(mode == mode_t(asked))
        try file?.permit(0o640)
        #expect(mode == 0o640)
        _ = consume listener
    }

    @Test("replaces the file of a dead server, and is removed with its server")
    func stale() throws {
        do { _ = try StreamSocket.listen(on: .unix(path: path)) }
        #expect(mode != nil)
        var file: SocketFile?
        let listener = try SocketFile.listen(at: path, mode: 0o666, made: &file)
        #expect(file?.isOurs == true)
        file?.remove()
        #expect(mode == nil && file?.isOurs == false)
        _ = consume listener
    }

    @Test("never replaces the file of a live server")
    func live() throws {
        let other = try StreamSocket.listen(on: .unix(path: path))
        var file: SocketFile?
        let error = #expect(throws: SystemError.self) {
            _ = try SocketFile.listen(at: self.path, mode: 0o666, made: &file)
        }
        #expect(error?.code == EADDRINUSE && file == nil && mode != nil)
        _ = consume other
    }

    @Test("never replaces a file that is not a socket")
    func regular() throws {
        close(creat(path, 0o600))
        var file: SocketFile?
        let error = #expect(throws: SystemError.self) {
            _ = try SocketFile.listen(at: self.path, mode: 0o666, made: &file)
        }
        #expect(error?.code == EEXIST && mode == 0o600)
    }

    @Test("stays when another file has replaced it")
    func replaced() throws {
        var file: SocketFile?
        let listener = try SocketFile.listen(at: path, mode: 0o666, made: &file)
        unlink(path)
        let other = try StreamSocket.listen(on: .unix(path: path))
        #expect(file?.isOurs == false)
        file?.remove()
        #expect(mode != nil)
        _ = consume listener
        _ = consume other
    }
}
