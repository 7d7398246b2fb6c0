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
}
