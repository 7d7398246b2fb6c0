import Glibc
import Testing

@testable import LineEditor

@Suite struct HistoryTests {
    private static func directory() -> String {
        var template = Array("/tmp/history-XXXXXX".utf8CString)
        return String(cString: mkdtemp(&template))
    }

    @Test func itOutlivesTheSessionAndIsTheOwnersOnly() {
        let path = Self.directory() + "/a/b/history"
        var history = History(path: path, limit: 10)
        for line in ["one", "two", "two", "", "é👨‍👩‍👧"] { history.add(line) }
        #expect(History(path: path, limit: 10).entries == ["one", "two", "é👨‍👩‍👧"])
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test func itIsCutToItsLimit() {
        let path = Self.directory() + "/history"
        var history = History(path: path, limit: 100)
        for number in 0..<20 { history.add("\(number)") }
        #expect(History(path: path, limit: 3).entries == ["17", "18", "19"])
        #expect(History(path: path, limit: 100).entries == ["17", "18", "19"])
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test func withoutAPathOrALimitNothingIsKept() {
        var history = History(path: nil, limit: 10)
        history.add("one")
        #expect(history.entries == ["one"])
        let path = Self.directory() + "/history"
        var none = History(path: path, limit: 0)
        none.add("one")
        #expect(none.entries.isEmpty && access(path, F_OK) != 0)
    }

    @Test func theFileNeverHasMoreLinesThanItsLimit() throws {
        let path = Self.directory() + "/history"
        var one = History(path: path, limit: 3)
        var other = History(path: path, limit: 3)
        for number in 0..<5 {
            one.add("one \(number)")
            other.add("other \(number)")
            let lines = try #require(Self.content(path)).split(separator: "\n")
            #expect(lines.count <= 3 && lines.last == "other \(number)")
        }
        #expect(Self.content(path) == "other 3\none 4\nother 4\n")
    }

    @Test func itIsTheOwnersOnlyEvenIfItExisted() {
        let path = Self.directory() + "/history"
        Self.create(path, "one\n", mode: 0o644)
        _ = History(path: path, limit: 10)
        #expect(Self.mode(path) == 0o600)
        chmod(path, 0o666)
        var history = History(path: path, limit: 10)
        chmod(path, 0o666)
        history.add("two")
        #expect(Self.mode(path) == 0o600 && Self.content(path) == "one\ntwo\n")
    }

    @Test func anEntryBehindALineWithoutAnEndBeginsANewLine() {
        let path = Self.directory() + "/history"
        Self.create(path, "one", mode: 0o600)
        var history = History(path: path, limit: 10)
        history.add("two")
        #expect(Self.content(path) == "one\ntwo\n" && history.entries == ["one", "two"])
    }

    @Test func aSymbolicLinkIsReportedAndLeftAlone() {
        let directory = Self.directory()
        let lines = (0..<20).map { "\($0)\n" }.joined()
        Self.create(directory + "/target", lines, mode: 0o644)
        symlink("target", directory + "/history")
        var history = History(path: directory + "/history", limit: 3)
        history.add("new")
        let problem = history.takeProblem() ?? ""
        #expect(problem.contains("symbolic link") && problem.contains("REVERSED_HISTORY"))
        #expect(history.takeProblem() == nil && history.entries == ["new"])
        #expect(Self.content(directory + "/target") == lines && Self.mode(directory + "/target") == 0o644)
    }

    @Test(.timeLimit(.minutes(1))) func aPipeOrADirectoryIsReportedAndNeverWaitedFor() {
        let directory = Self.directory()
        mkfifo(directory + "/pipe", 0o600)
        for path in [directory + "/pipe", directory, "/dev/null", "/dev/null/x", "/proc/history"] {
            var history = History(path: path, limit: 3)
            history.add("new")
            #expect(history.takeProblem()?.contains("cannot keep the history") == true, "\(path)")
            #expect(history.entries == ["new"])
        }
    }

    @Test func aDirectoryThatCannotBeMadeIsTheReason() {
        for path in ["/sys/history/file", "/sys/history/deeper/file"] {
            var history = History(path: path, limit: 3)
            history.add("new")
            let problem = history.takeProblem() ?? ""
            #expect(problem.contains(path) && !problem.contains("No such file"), "\(problem)")
        }
    }

    @Test func aPathMayHaveAnyBytes() {
        let directory = Array(Self.directory().utf8)
        // A combining mark after a slash is one character with it.
        let path = directory + "/".utf8 + [0xFF, 0xFE] + "/\u{301}/".utf8 + [0x80]
        var history = History(path: path, limit: 2)
        for entry in ["one", "two", "three"] { history.add(entry) }
        #expect(history.takeProblem() == nil)
        #expect(History(path: path, limit: 2).entries == ["two", "three"])
        var status = stat()
        #expect(lstat(path.map(CChar.init(bitPattern:)) + [0], &status) == 0)
    }

    @Test(.timeLimit(.minutes(1))) func aLockThatIsNeverFreedDoesNotBlock() {
        let path = Self.directory() + "/history"
        Self.create(path, "one\n", mode: 0o600)
        let other = open(path, O_RDWR)
        flock(other, LOCK_EX)
        var history = History(path: path, limit: 10)
        history.add("two")
        #expect(Self.content(path) == "one\ntwo\n")
        close(other)
    }

    @Test func longEntriesDoNotFillTheDisk() {
        let path = Self.directory() + "/history"
        var history = History(path: path, limit: 1000)
        for number in 0..<10 { history.add("\(number) " + String(repeating: "x", count: 200_000)) }
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_size > 3 << 18 && status.st_size <= 1 << 20)
        #expect(History(path: path, limit: 1000).entries.last == history.entries.last)
    }

    private static func create(_ path: String, _ text: String, mode: mode_t) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        _ = write(file, text, text.utf8.count)
        fchmod(file, mode)
        close(file)
    }

    private static func content(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    private static func mode(_ path: String) -> mode_t {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }
}

extension History {
    fileprivate init(path: String, limit: Int) { self.init(path: Array(path.utf8), limit: limit) }
}
