import Testing

@testable import Sockets

@Suite struct ByteTextTests {
    @Test(arguments: ["", "plain", "é👨‍👩‍👧‍👦\u{10FFFD}\0"])
    func whatIsUTF8StandsForItself(text: String) {
        #expect(ByteText.text(Array(text.utf8)) == text)
        #expect(ByteText.bytes(text) == Array(text.utf8) && !ByteText.holdsOther(text))
        #expect(ByteText.shown(text) == text)
    }

    @Test func anyBytesComeBack() {
        var generator = SystemRandomNumberGenerator()
        // Bytes that begin, continue and break scalars, including private-use scalars.
        let pool: [UInt8] = [
            0x00, 0x41, 0x80, 0xBF, 0xC3, 0xA9, 0xE2, 0x82, 0xAC, 0xED, 0xA0, 0xF4, 0x8F, 0xB8, 0xBB, 0xFF,
        ]
        for _ in 0..<5000 {
            let bytes = (0..<Int.random(in: 0...9)).map { _ in pool.randomElement(using: &generator) ?? 0 }
            let text = ByteText.text(bytes)
            #expect(ByteText.bytes(text) == bytes, "\(bytes)")
            #expect(
                ByteText.holdsOther(text) == (String(validating: bytes, as: UTF8.self) == nil)
                    || text.contains("\u{10FEF4}")
            )
        }
    }

    @Test func aTextThatPosesAsOtherBytesIsNotMistakenForThem() {
        let posing = Array("\u{10FE41}".utf8)
        #expect(ByteText.bytes(ByteText.text(posing)) == posing)
        #expect(ByteText.text(posing) != "\u{10FE41}")
    }

    @Test func otherBytesAreShown() {
        #expect(ByteText.shown(ByteText.text([0x73, 0xFF, 0x80, 0x65])) == "s\\xff\\x80e")
    }

    @Test func aSocketPathOfAnyBytesReachesTheKernel() throws {
        let path: [UInt8] = Array("/tmp/s".utf8) + [0xFF]
        let address = SocketAddress.unix(path: ByteText.text(path))
        let again = try address.withSockAddr { pointer, length in
            SocketAddress.read { copy, size in
                // As the kernel does it in getsockname(2).
                UnsafeMutableRawPointer(copy).copyMemory(from: pointer, byteCount: Int(length))
                size.pointee = length
                return 0
            }
        }
        #expect(again == address && address.description == "/tmp/s\\xff")
        #expect(Endpoint.unix(path: ByteText.text(path)).description == "/tmp/s\\xff")
    }
}
