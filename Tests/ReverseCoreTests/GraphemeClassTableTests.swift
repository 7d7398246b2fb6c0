import Glibc
import Testing

@testable import ReverseCore

/// Holds the table to the toolchain that runs the tests. When a new toolchain brings a new Unicode, this fails, and
/// `make grapheme-table` (or `REGENERATE_GRAPHEME_TABLE=1 swift test --filter GraphemeClassTable`) writes it anew.
@Suite struct GraphemeClassTableTests {
    private static let isRegenerating = getenv("REGENERATE_GRAPHEME_TABLE") != nil

    @Test(.enabled(if: !isRegenerating))
    func everyScalarHasTheClassThatTheToolchainGivesIt() {
        let derived = GraphemeClassDerivation()
        var wrong: [Unicode.Scalar] = []
        for scalar in allScalars where GraphemeClass.code(of: scalar.value) != derived(scalar).code {
            wrong.append(scalar)
        }
        #expect(wrong.isEmpty, "the table is of another Unicode version than this toolchain")
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
        let derived = GraphemeClassDerivation()
        var letters = [UInt8](repeating: GraphemeClass.other.rawValue, count: 0x11_0000)
        for scalar in allScalars { letters[Int(scalar.value)] = derived(scalar).rawValue }
        try write(GraphemeClassTableSource(letters: letters).text)
    }

    private func write(_ text: String) throws {
        let directory = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let path = "/\(directory)/Sources/ReverseCore/GraphemeClassTable.swift"
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
    }
}

/// Every Unicode scalar, in order.
let allScalars = (0...UInt32(0x10FFFF)).compactMap(Unicode.Scalar.init)
