import CLinux
import Glibc

/// The command line as bytes.
///
/// Swift repairs ill-formed UTF-8 when it makes a `String` of an argument. So the parser is given a token in the place
/// of an argument that is not UTF-8, and the token is changed back afterwards (`bytes(of:)`) or shown (`explained(_:)`).
public struct Arguments: Sendable {
    private let arguments: [[UInt8]]

    /// Arguments of a test's own, without the program's name.
    public init(_ arguments: [[UInt8]]) { self.arguments = arguments }

    /// What `main` got, without the program's name.
    public static var ofProcess: Arguments {
        Arguments(
            (1..<max(1, linux_argument_count())).compactMap { index in
                linux_argument(index).map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
            }
        )
    }

    /// What the parser may see.
    public var forParser: [String] {
        arguments.enumerated().map { index, bytes in
            String(validating: bytes, as: UTF8.self) ?? Self.token(index)
        }
    }

    /// The bytes of texts that the parser gave back.
    public func bytes(of texts: [String]) -> [[UInt8]] {
        texts.map { text in ill.first { Self.token($0) == text }.map { arguments[$0] } ?? Array(text.utf8) }
    }

    /// The first option, or value of an option, that is not UTF-8, shown as a person can read it; nil without one.
    /// What stands behind `--` is no option.
    var illFormedOption: String? {
        let end = arguments.firstIndex(of: Array("--".utf8)) ?? arguments.count
        return ill.first { $0 < end && arguments[$0].first == UInt8(ascii: "-") }.map {
            Self.shown(arguments[$0])
        }
    }

    /// The first argument that is not UTF-8 and is none of `texts`, shown as a person can read it; nil without one.
    public func illFormed(outside texts: [String]) -> String? {
        ill.first { !texts.contains(Self.token($0)) }.map { Self.shown(arguments[$0]) }
    }

    /// `text` with each token replaced by the argument behind it, shown as a person can read it.
    public func explained(_ text: String) -> String {
        var rest = text[...]
        var result = ""
        while let place = rest.firstIndex(of: Self.opening) {
            let token = rest[place...].prefix(while: { $0 != Self.closing }) + String(Self.closing)
            let index = ill.first { Self.token($0) == String(token) }
            result += rest[..<place] + (index.map { Self.shown(arguments[$0]) } ?? String(rest[place]))
            rest = rest[place...].dropFirst(index == nil ? 1 : token.count)
        }
        return result + rest
    }

    private var ill: [Int] {
        arguments.indices.filter { String(validating: arguments[$0], as: UTF8.self) == nil }
    }

    private static let opening: Character = "\u{10FFFD}"
    private static let closing: Character = "\u{10FFFC}"

    /// Private-use characters around the place: nobody types that.
    private static func token(_ index: Int) -> String { "\(opening)\(index)\(closing)" }

    /// Bytes beyond ASCII as `\xff`.
    private static func shown(_ bytes: [UInt8]) -> String {
        bytes.map { byte in
            guard byte < 0x80 else { return "\\x" + String(byte, radix: 16) }
            return String(UnicodeScalar(byte))
        }.joined()
    }
}
