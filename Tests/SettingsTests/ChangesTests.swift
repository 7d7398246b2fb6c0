import Testing

@testable import Settings

@Suite("The changes of a reload")
struct ChangesTests {
    @Test("Each key of [limits] and [log] that differs, with both values")
    func changes() throws {
        let old = try settings("[limits]\nidle_timeout = '5min'")
        let new = try settings("unit = 'byte'\n[limits]\nidle_timeout = '0'\n[log]\nconnections = false")
        #expect(
            new.changes(since: old) == [
                "limits.idle_timeout = \"0\" (was \"5min\")", "log.connections = false (was true)",
            ]
        )
        #expect(new.changes(since: new).isEmpty)
    }
}
