import Testing

@testable import ReverseCore

@Suite struct UTF8ScalarTests {
    @Test func everyScalarIsReadWithItsLength() {
        for scalar in allScalars {
            let bytes = Array(UTF8.encode(scalar) ?? UTF8.EncodedScalar())
            let read = UTF8Scalar(leading: word(bytes))
            if read.value != scalar.value || read.length != bytes.count {
                Issue.record("U+\(String(scalar.value, radix: 16)) read as \(read)")
            }
        }
    }

    /// Every pair of leading bytes, with every kind of third and fourth byte.
    @Test func whatTheStandardLibraryRefusesIsIllFormed() {
        let kinds: [UInt8] = [0x00, 0x41, 0x7F, 0x80, 0xBF, 0xC0, 0xFF]
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                for third in kinds {
                    for fourth in kinds {
                        expectAsTheStandardLibrary([first, second, third, fourth])
                    }
                }
            }
        }
    }

    private func expectAsTheStandardLibrary(_ bytes: [UInt8]) {
        var iterator = bytes.makeIterator()
        var decoder = UTF8()
        let read = UTF8Scalar(leading: word(bytes))
        switch decoder.decode(&iterator) {
        case .scalarValue(let scalar):
            if read.value != scalar.value || read.length != UTF8.width(scalar) {
                Issue.record("\(hex(bytes)): \(read)")
            }
        case .error, .emptyInput:
            if read.value != UTF8Scalar.illFormed || read.length != 1 {
                Issue.record("\(hex(bytes)): \(read)")
            }
        }
    }

    private func word(_ bytes: [UInt8]) -> UInt32 {
        (0..<4).reduce(0) { $0 << 8 | UInt32($1 < bytes.count ? bytes[$1] : 0) }
    }
}
