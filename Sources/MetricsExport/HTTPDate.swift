import Glibc

/// The date of a response (RFC 9110, section 5.6.7), such as "Sun, 06 Nov 1994 08:49:37 GMT".
enum HTTPDate {
    /// The text for a time in seconds since 1970; nil for a year that does not have four digits.
    static func text(of seconds: Int) -> String? {
        var time = time_t(seconds)
        var parts = unsafe tm()
        var text = [CChar](repeating: 0, count: 30)
        guard unsafe gmtime_r(&time, &parts) != nil,
            unsafe strftime(&text, text.count, "%a, %d %b %Y %H:%M:%S GMT", &parts) == 29
        else { return nil }
        return String(decoding: text.prefix(29).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
