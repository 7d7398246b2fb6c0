import TextEscaping

/// Validates NOTIFY_SOCKET, see sd_notify(3) and unix(7). libsystemd would refuse an invalid value for each message, with only an
/// errno; this reports it once, with a reason.
enum NotifyAddress: Equatable {
    case absent
    case valid(String)
    case invalid(warning: String)

    /// `sun_path` holds 108 bytes, the terminating NUL of a path included.
    private static let longestPath = 107

    init(_ value: String?) {
        guard let value, !value.isEmpty else {
            self = .absent
            return
        }
        let count = value.utf8.count
        if value.hasPrefix("vsock") {
            self = .valid(value)
        } else if !(value.hasPrefix("/") || value.hasPrefix("@")) || count < 2 {
            self = .invalid(warning: Self.warning(value, "an absolute path or @name is expected"))
        } else if count > Self.longestPath {
            self = .invalid(
                warning: Self.warning(value, "\(count) bytes, at most \(Self.longestPath) are possible")
            )
        } else {
            self = .valid(value)
        }
    }

    private static func warning(_ value: String, _ reason: String) -> String {
        let shown = PrintableText.excerpt(value)
        return
            "NOTIFY_SOCKET=\(shown) is not a socket address: \(reason); the service manager gets no notifications"
    }
}
