/// One scalar of UTF-8 (Unicode 17, table 3-7), or one ill-formed byte.
struct UTF8Scalar {
    /// The code point; `illFormed` if the byte is not part of a well-formed sequence.
    let value: UInt32
    /// Its length in bytes, 1 to 4; 1 if ill-formed.
    let length: Int

    static let illFormed = UInt32.max

    /// Reads the scalar whose first byte is the most significant byte of `bytes`.
    ///
    /// - Parameter bytes: Four bytes of text in their order, with zeros past its end (0 is not a continuation byte).
    @inline(__always)
    init(leading bytes: UInt32) {
        if bytes < 0x8000_0000 {
            value = bytes >> 24
            length = 1
        } else if bytes & 0xF0C0_C000 == 0xE080_8000 {
            let scalar = (bytes >> 12) & 0xF000 | (bytes >> 10) & 0xFC0 | (bytes >> 8) & 0x3F
            let isWellFormed = scalar >= 0x800 && scalar & 0xF800 != 0xD800
            value = isWellFormed ? scalar : UTF8Scalar.illFormed
            length = isWellFormed ? 3 : 1
        } else if bytes & 0xE0C0_0000 == 0xC080_0000, bytes >= 0xC200_0000 {
            value = (bytes >> 18) & 0x7C0 | (bytes >> 16) & 0x3F
            length = 2
        } else if bytes & 0xF8C0_C0C0 == 0xF080_8080 {
            let scalar =
                (bytes >> 6) & 0x1C_0000 | (bytes >> 4) & 0x3_F000 | (bytes >> 2) & 0xFC0 | bytes & 0x3F
            let isWellFormed = scalar >= 0x1_0000 && scalar <= 0x10_FFFF
            value = isWellFormed ? scalar : UTF8Scalar.illFormed
            length = isWellFormed ? 4 : 1
        } else {
            value = UTF8Scalar.illFormed
            length = 1
        }
    }
}
