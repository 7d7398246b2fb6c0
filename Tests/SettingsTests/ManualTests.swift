import Testing

@testable import Settings

@Suite("reversed.toml(5)")
struct ManualTests {
    @Test("It explains every key")
    func explainsEveryKey() throws {
        let explained = try repositoryFile("man/reversed.toml.5").split(separator: "\n")
            .filter { $0.hasPrefix(".It Ic ") }
            .flatMap { line in line.split(whereSeparator: { " ,".contains($0) }) }
        for section in Section.allCases {
            for key in section.keys { #expect(explained.contains(Substring(key)), "\(section.place) \(key)") }
        }
    }

    @Test("It says the defaults")
    func saysTheDefaults() throws {
        let manual = try repositoryFile("man/reversed.toml.5").replacing("\\(dq", with: "\"").replacing(
            " Ql ",
            with: " "
        )
        .replacing(" Li ", with: " ")
        let values = Settings().toml.split(separator: "\n").filter { $0.contains(" = ") }
        #expect(values.count == 11)
        for value in values {
            let parts = value.split(separator: " = ")
            #expect(
                manual.split(separator: "\n").contains {
                    $0.hasPrefix(".It Ic \(parts[0]) No = ") && $0.hasSuffix("Pq default: \(parts[1])")
                },
                "\(value)"
            )
        }
    }

    @Test("Its examples load")
    func examplesLoad() throws {
        let manual = try repositoryFile("man/reversed.toml.5")
        let start = try #require(manual.firstRange(of: ".Sh EXAMPLES")?.upperBound)
        let end = try #require(manual.firstRange(of: ".Sh DIAGNOSTICS")?.lowerBound)
        let examples = manual[start..<end].split(separator: ".Bd -literal -offset indent\n").dropFirst()
            .compactMap { $0.split(separator: ".Ed").first }
        #expect(examples.count == 3)
        #expect(try examples.map { try settings(String($0)).listeners.count } == [1, 3, 2])
    }
}
