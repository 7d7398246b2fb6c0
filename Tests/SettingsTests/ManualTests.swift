import DispatchServer
import Testing

@testable import Settings

@Suite("reversed.toml(5)")
struct ManualTests {
    @Test("It explains each key: its type, its default and its allowed values", arguments: KeyFacts.all)
    func explains(key: KeyFacts) throws {
        // The manual shows "Li \(dq1ms\(dq" as "1ms", and "Ql 0" as 0.
        let manual = try repositoryFile("man/reversed.toml.5").replacing("\\(dq", with: "\"")
        let headings: [Section: String] = [
            .top: "TOP LEVEL", .limits: "LIMITS", .restart: "RESTART", .log: "LOG", .metrics: "METRICS",
            .listener: "LISTENERS",
        ]
        let chapter = try #require(
            manual.split(separator: ".Sh ").first { $0.hasPrefix(headings[key.section] ?? "") }
        )
        let item = try #require(
            chapter.split(separator: ".It Ic ").first { $0.hasPrefix("\(key.name) No = Em \(key.type)") },
            "no item for it"
        )
        let byDefault = key.byDefault.map {
            $0 == "\"\"" && key.section == .listener
                ? "" : " Pq default: " + ($0.allSatisfy(\.isNumber) ? $0 : "Li \($0)")
        }
        #expect(item.hasPrefix("\(key.name) No = Em \(key.type)\(byDefault ?? "")\n"))
        for allowed in key.allowed { #expect(item.contains(allowed), "\(allowed)") }
    }

    @Test("Its examples load")
    func examplesLoad() throws {
        let manual = try repositoryFile("man/reversed.toml.5")
        let start = try #require(manual.firstRange(of: ".Sh EXAMPLES")?.upperBound)
        let end = try #require(manual.firstRange(of: ".Sh DIAGNOSTICS")?.lowerBound)
        let examples = manual[start..<end].split(separator: ".Bd -literal -offset indent\n").dropFirst()
            .compactMap { $0.split(separator: ".Ed").first }
        #expect(examples.count == 5)
        #expect(try examples.map { try settings(String($0)).server.listeners.count } == [1, 3, 2, 2, 1])
    }
}
