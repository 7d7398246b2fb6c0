import TextEscaping

/// A record as journal fields, `NAME=value` in bytes, see systemd.journal-fields(7).
struct JournalEntry {
    /// All fields in sequence, and the range of each.
    private(set) var bytes: [UInt8] = []
    private(set) var ranges: [Range<Int>] = []

    /// The fields that the log sets. Metadata with these names is dropped: the journal would keep both values, and a query could find
    /// either.
    private static let ownNames: Set<String> = [
        "PRIORITY", "MESSAGE", "SYSLOG_IDENTIFIER", "CODE_FILE", "CODE_LINE", "CODE_FUNC",
    ]

    init(_ record: LogRecord, identifier: String) {
        append("PRIORITY", String(record.level.syslogPriority))
        append("SYSLOG_IDENTIFIER", identifier)
        // The journal allows any bytes here, but journalctl shows a message with control characters as "blob data".
        append("MESSAGE", PrintableText.escape(record.message))
        if let source = record.source {
            append("CODE_FILE", source.file)
            append("CODE_LINE", String(source.line))
            append("CODE_FUNC", source.function)
        }
        for (name, value) in record.fields {
            guard let name = Self.fieldName(name), !Self.ownNames.contains(name) else { continue }
            append(name, value)
        }
    }

    /// The field that a metadata key becomes: `message-id` → `MESSAGE_ID`. The journal takes capital letters, digits and
    /// underscores, at most 64, the first one a letter (names with a leading underscore are its own); a name without any
    /// letter has no field.
    static func fieldName(_ key: String) -> String? {
        var name = ""
        for scalar in key.unicodeScalars {
            switch scalar {
            case "A"..."Z": name.unicodeScalars.append(scalar)
            case "a"..."z": name += String(scalar).uppercased()
            case "0"..."9" where !name.isEmpty: name.unicodeScalars.append(scalar)
            default: if !name.isEmpty { name += "_" }
            }
            if name.utf8.count == 64 { break }
        }
        return name.isEmpty ? nil : name
    }

    private mutating func append(_ name: String, _ value: String) {
        let start = bytes.count
        bytes += name.utf8
        bytes.append(UInt8(ascii: "="))
        bytes += value.utf8
        ranges.append(start..<bytes.count)
    }
}
