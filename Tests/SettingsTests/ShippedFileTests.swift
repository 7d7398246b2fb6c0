import Testing

@testable import Settings

@Suite("config/reversed.toml")
struct ShippedFileTests {
    @Test("It holds the defaults")
    func holdsTheDefaults() throws {
        #expect(try settings(repositoryFile("config/reversed.toml")) == Settings())
    }

    @Test("It has every key, each said to be what it is by default")
    func hasEveryKey() throws {
        let file = try repositoryFile("config/reversed.toml")
        // Uncommented or not: of the keys of [[listener]] it can only have examples.
        let lines = file.split(separator: "\n").map { $0.hasPrefix("# ") ? $0.dropFirst(2) : $0 }
        for section in Section.allCases {
            for key in section.keys {
                #expect(lines.contains { $0.hasPrefix("\(key) = ") }, "\(section.place) \(key)")
            }
        }
        for line in Settings().toml.split(separator: "\n") {
            #expect(file.split(separator: "\n").contains(line), "\(line)")
        }
    }

    @Test("Its examples load when their # is taken out, alone and together")
    func examplesLoad() throws {
        let file = try repositoryFile("config/reversed.toml")
        let lines = file.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex(of: "# [[listener]]"))
        let top = lines[..<start].filter { line in
            !["host = ", "port = ", "ipv6_only = "].contains { line.hasPrefix($0) }
        }
        let examples = lines[start...].split(separator: "").filter { $0.first == "# [[listener]]" }
            .map { $0.map { String($0.dropFirst(2)) }.joined(separator: "\n") }
        #expect(examples.count == 3)
        for example in examples {
            #expect(try settings(top.joined(separator: "\n") + "\n" + example).listeners.count == 1)
        }
        let all = try settings(top.joined(separator: "\n") + "\n" + examples.joined(separator: "\n"))
        #expect(all.listeners.count == 3)
    }
}
