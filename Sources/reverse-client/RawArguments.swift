/// The command line as bytes.
///
/// Swift repairs ill-formed UTF-8 when it makes a `String` of an argument, but a line is passed on as it stands. So the
/// parser is given a token in the place of an ill-formed argument, and the token is changed back afterwards.
struct RawArguments {
    private let arguments: [[UInt8]]

    init() {
        let vector = CommandLine.unsafeArgv
        arguments = (1..<max(1, Int(CommandLine.argc))).compactMap { index in
            vector[index].map { pointer in
                var bytes: [UInt8] = []
                var next = pointer
                while next.pointee != 0 {
                    bytes.append(UInt8(bitPattern: next.pointee))
                    next += 1
                }
                return bytes
            }
        }
    }

    init(_ arguments: [[UInt8]]) { self.arguments = arguments }

    /// What the parser may see.
    var forParser: [String] {
        arguments.enumerated().map { index, bytes in
            String(validating: bytes, as: UTF8.self) ?? Self.token(index)
        }
    }

    /// The bytes of texts that the parser gave back.
    func bytes(of texts: [String]) -> [[UInt8]] {
        let tokens = Dictionary(
            uniqueKeysWithValues: arguments.indices.map { (Self.token($0), $0) }
        )
        return texts.map { text in
            guard let index = tokens[text], String(validating: arguments[index], as: UTF8.self) == nil else {
                return Array(text.utf8)
            }
            return arguments[index]
        }
    }

    /// Private-use characters around the place: nobody types that.
    private static func token(_ index: Int) -> String { "\u{10FFFD}\(index)\u{10FFFC}" }
}
