import Glibc

/// What a person reads on standard error.
enum Message {
    /// Prints `reverse-client: sentence`.
    static func print(_ sentence: String) {
        write("reverse-client: \(sentence)\n")
    }

    /// Writes to standard error as it stands; where that fails there is nobody to tell.
    static func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }
}
