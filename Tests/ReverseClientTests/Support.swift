import TestSupport

@testable import ReverseClient

/// The answer of a server to `input`, reversed by bytes.
func answer(to input: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var line: [UInt8] = []
    for byte in input {
        guard byte == 0x0A else {
            line.append(byte)
            continue
        }
        let hasReturn = line.last == 0x0D
        result += line.dropLast(hasReturn ? 1 : 0).reversed()
        result += hasReturn ? [0x0D, 0x0A] : [0x0A]
        line = []
    }
    return result + line.reversed()
}

/// Random lines: empty, short and long, some with CR, the last one possibly unterminated.
func randomLines(_ count: Int, using generator: inout SeededGenerator) -> [UInt8] {
    var bytes: [UInt8] = []
    for _ in 0..<count {
        let length = [0, 1, 5, 31, 32, 33, 64, 200, 3000].randomElement(using: &generator) ?? 0
        for _ in 0..<length {
            bytes.append([0x41, 0x42, 0xC3, 0x0D, 0x00].randomElement(using: &generator) ?? 0)
        }
        bytes.append(0x0A)
    }
    if Bool.random(using: &generator) { bytes += [0x78, 0x79, 0x7A] }
    return bytes
}

extension Exchange {
    /// Takes as many of `bytes` as fit, at most `limit`, and removes them.
    mutating func accept(_ bytes: inout ArraySlice<UInt8>, atMost limit: Int = .max) {
        takeInput { space in
            let part = bytes.prefix(min(limit, space.count))
            space.copyBytes(from: part)
            bytes = bytes.dropFirst(part.count)
            return part.count
        }
    }

    mutating func accept(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty { accept(&bytes) }
    }

    mutating func unsent(atMost limit: Int = .max) -> [UInt8] {
        var result: [UInt8] = []
        giveUnsent { bytes in
            result = Array(bytes.prefix(limit))
            return result.count
        }
        return result
    }

    mutating func receive(_ bytes: inout ArraySlice<UInt8>, atMost limit: Int = .max) throws(Mismatch) {
        try takeAnswers { space in
            let part = bytes.prefix(min(limit, space.count))
            space.copyBytes(from: part)
            bytes = bytes.dropFirst(part.count)
            return part.count
        }
    }

    mutating func receive(_ text: String) throws(Mismatch) {
        var bytes = Array(text.utf8)[...]
        try receive(&bytes)
    }

    mutating func output(atMost limit: Int = .max) -> [UInt8] {
        var result: [UInt8] = []
        giveOutput { bytes in
            result = Array(bytes.prefix(limit))
            return result.count
        }
        return result
    }
}
