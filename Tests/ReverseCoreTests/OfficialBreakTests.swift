import ReverseCore
import TestSupport
import Testing

/// The cases of Unicode's GraphemeBreakTest.txt.
@Suite struct OfficialBreakTests {
    private struct Case {
        let line: Substring
        var clusters: [[Unicode.Scalar]] = []

        /// Such as `÷ 0061 × 0301 ÷ # comment`.
        init(_ line: Substring) throws {
            self.line = line
            for word in line.prefix(while: { $0 != "#" }).split(whereSeparator: \.isWhitespace) {
                switch word {
                case "÷": clusters.append([])
                case "×": continue
                default:
                    let value = try #require(UInt32(word, radix: 16))
                    clusters[clusters.count - 1].append(try #require(Unicode.Scalar(value)))
                }
            }
            clusters.removeLast()
        }

        var scalars: [Unicode.Scalar] { Array(clusters.joined()) }
    }

    private static func cases() throws -> [Case] {
        let file = contents(ofFile: repositoryPath("unicode/GraphemeBreakTest.txt"))
        let cases = try file.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("#") }.map {
            try Case($0)
        }
        #expect(file.contains("\n# Lines: \(cases.count)\n"))
        return cases
    }

    @Test func theRulesInTheseTestsAgree() throws {
        for test in try Self.cases() {
            #expect(clustersByRules(test.scalars) == test.clusters, "\(test.line)")
        }
    }

    @Test func splitAgrees() throws {
        for test in try Self.cases() {
            #expect(GraphemeCluster.split(text(test.scalars)) == test.clusters.map(text), "\(test.line)")
        }
    }

    /// By itself, and at every offset within the blocks of 32 bytes in which plain text is reversed.
    @Test func reversalAgrees() throws {
        for test in try Self.cases() {
            let bytes = Array(text(test.scalars).utf8)
            let reversed = Array(text(Array(test.clusters.reversed().joined())).utf8)
            #expect(ReversalUnit.character.reversed(bytes) == reversed, "\(test.line)")
            for length in 0...33 {
                let letters = [UInt8](repeating: 0x61, count: length)
                #expect(
                    ReversalUnit.character.reversed(letters + [0xFF] + bytes + [0xFF] + letters)
                        == letters + [0xFF] + reversed + [0xFF] + letters,
                    "\(test.line)"
                )
            }
        }
    }

    private func text(_ scalars: [Unicode.Scalar]) -> String { String(String.UnicodeScalarView(scalars)) }
}
