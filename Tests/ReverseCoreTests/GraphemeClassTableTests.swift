import Glibc
import TestSupport
import Testing

@testable import ReverseCore

/// Checks the table against the Unicode data in `unicode`. For another version replace these files and run
/// `make grapheme-table`.
@Suite struct GraphemeClassTableTests {
    private static let isRegenerating = getenv("REGENERATE_GRAPHEME_TABLE") != nil

    @Test(.enabled(if: !isRegenerating))
    func everyScalarHasTheClassOfItsProperties() {
        let data = UnicodeData.committed
        #expect(GraphemeCluster.unicodeVersion == data.version)
        var wrong: [Unicode.Scalar] = []
        for scalar in allScalars
        where GraphemeClass.code(of: scalar.value) != GraphemeClass(data[scalar])?.code {
            wrong.append(scalar)
        }
        #expect(wrong.isEmpty)
    }

    /// After each value the files say how many scalars have it. This finds lines that were read wrongly.
    @Test func everyValueHasAsManyScalarsAsTheFilesSay() {
        let data = UnicodeData.committed
        var breaks: [ScalarProperties.Break: Int] = [:]
        var conjuncts: [ScalarProperties.Conjunct: Int] = [:]
        for scalar in allScalars {
            breaks[data[scalar].breaking, default: 0] += 1
            conjuncts[data[scalar].conjunct, default: 0] += 1
        }
        breaks[.other] = nil
        conjuncts[ScalarProperties.Conjunct.none] = nil
        #expect(breaks.values.sorted() == totals(in: "GraphemeBreakProperty.txt"))
        #expect(conjuncts.values.sorted() == totals(in: "DerivedCoreProperties.txt"))
        #expect(allScalars.count { data[$0].isPictographic } == 2848)
    }

    @Test func everyIndexNamesABlock() {
        let blocks = GraphemeClassTable.blocks.utf8CodeUnitCount
        #expect(GraphemeClassTable.index.utf8CodeUnitCount == 0x11_0000 / 256)
        GraphemeClassTable.index.withUTF8Buffer { index in
            #expect(index.allSatisfy { (Int($0) + 1) * 256 <= blocks })
        }
    }

    @Test func everyLetterIsOfAClassAndEveryCodeOfOneClass() {
        let letters = Set(GraphemeClass.allCases.map(\.rawValue))
        #expect(GraphemeClassTable.blocks.withUTF8Buffer { $0.allSatisfy(letters.contains) })
        #expect(Set(GraphemeClass.allCases.map(\.code)).count == GraphemeClass.allCases.count)
    }

    @Test(.enabled(if: isRegenerating))
    func regenerate() throws {
        let data = UnicodeData(
            directory: getenv("UNICODE_DATA").map { String(cString: $0) } ?? repositoryPath("unicode")
        )
        var letters = [UInt8](repeating: GraphemeClass.other.rawValue, count: 0x11_0000)
        for scalar in allScalars {
            let properties = data[scalar]
            let known = try #require(
                GraphemeClass(properties),
                "\(scalar) has \(properties): GraphemeState needs it"
            )
            letters[Int(scalar.value)] = known.rawValue
        }
        let source = GraphemeClassTableSource(letters: letters, unicodeVersion: data.version)
        let file = try #require(fopen(repositoryPath("Sources/ReverseCore/GraphemeClassTable.swift"), "w"))
        fputs(source.text, file)
        fclose(file)
    }

    private func totals(in file: String) -> [Int] {
        contents(ofFile: repositoryPath("unicode/\(file)")).split(whereSeparator: \.isNewline)
            .compactMap {
                $0.hasPrefix("# Total code points: ") ? Int($0.split(separator: " ").last ?? "") : nil
            }
            .sorted()
    }
}

/// Every Unicode scalar, in order.
let allScalars = (0...UInt32(0x10FFFF)).compactMap(Unicode.Scalar.init)
