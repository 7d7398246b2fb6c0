import DispatchServer
import Testing

@testable import Settings

@Suite("config/reversed.toml")
struct ShippedFileTests {
    @Test("It holds the defaults")
    func holdsTheDefaults() throws {
        #expect(try settings(repositoryFile("config/reversed.toml")) == Settings())
    }

    @Test("It explains each key: its purpose, its allowed values and its default", arguments: KeyFacts.all)
    func explains(key: KeyFacts) throws {
        // The paragraphs; those of [[listener]] are comments.
        let paragraphs = try repositoryFile("config/reversed.toml").split(separator: "\n\n")
        let start = try #require(paragraphs.firstIndex { $0.hasPrefix("# Any number of listeners") })
        let (explanation, line): (Substring, Substring)
        if key.section == .listener {
            let index = try #require(paragraphs[start...].firstIndex { $0.contains("# \(key.name) = ") })
            explanation = paragraphs[index - 1]
            line = ""
        } else {
            let index = try #require(paragraphs[..<start].firstIndex { $0.contains("\n\(key.name) = ") })
            explanation = paragraphs[index]
            line = try #require(explanation.split(separator: "\n").last)
        }
        let text = explanation.split(separator: "\n").map { $0.drop { "# ".contains($0) } }.joined(
            separator: " "
        )
        #expect(text.contains(key.summary))
        for allowed in key.allowed { #expect(text.contains(allowed), "\(allowed)") }
        if !line.isEmpty { #expect(line == "\(key.name) = \(key.byDefault ?? "")") }
    }

    @Test("It has the same lines as the printed defaults, in the same order")
    func printed() throws {
        let lines = try repositoryFile("config/reversed.toml").split(separator: "\n").filter {
            !$0.hasPrefix("#")
        }
        #expect(Settings().toml.split(separator: "\n") == lines)
    }

    @Test("Its examples load without the #, alone and together")
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
            #expect(try settings(top.joined(separator: "\n") + "\n" + example).server.listeners.count == 1)
        }
        let all = try settings(top.joined(separator: "\n") + "\n" + examples.joined(separator: "\n"))
        #expect(all.server.listeners.count == 3)
    }
}
