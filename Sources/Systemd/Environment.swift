import Glibc

/// Where the variables that systemd passes to a service are read: the process's own environment, or a dictionary that a
/// test writes down as a literal.
///
/// `getenv` and `unsetenv` are not safe beside a `setenv` on another thread: use `.process` early in `main`, before other
/// threads change the environment.
public struct Environment: Sendable, ExpressibleByDictionaryLiteral {
    private enum Source {
        case process
        case variables([String: String])
    }

    private let source: Source

    private init(source: Source) {
        self.source = source
    }

    /// The environment of this process, as it is when a variable is read.
    public static let process = Environment(source: .process)

    /// A separate environment with only these variables.
    public init(dictionaryLiteral variables: (String, String)...) {
        source = .variables(Dictionary(variables) { _, last in last })
    }

    /// The value of a variable; nil when it is not set. Bytes that are not UTF-8 are replaced by U+FFFD.
    public subscript(name: String) -> String? {
        switch source {
        case .process: unsafe getenv(name).map { unsafe String(cString: $0) }
        case .variables(let variables): variables[name]
        }
    }

    /// Removes a variable from the process's environment, so that children do not inherit it. A separate environment does not change.
    func unset(_ name: String) {
        if case .process = source { unsafe unsetenv(name) }
    }
}

/// The numbers in systemd's variables: decimal digits, and nothing else. (`UInt64` itself would take a sign as well.)
enum DecimalNumber {
    /// Nil if the text is not such a number, or the number is too large.
    static func parse(_ text: some StringProtocol) -> UInt64? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt64(text) : nil
    }
}
