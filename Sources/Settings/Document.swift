import CTOML
import TextEscaping

/// A value of a TOML document, with its line: the line of its key, or its own line in an array.
struct TOMLValue: Sendable {
    enum Content: Sendable {
        case string(String)
        case integer(Int64)
        case float(Double)
        case boolean(Bool)
        case date, time, dateTime
        case array([TOMLValue])
        case table([String: TOMLValue])
    }

    var content: Content
    var line: Int

    var string: String? { if case .string(let text) = content { text } else { nil } }
    var integer: Int64? { if case .integer(let number) = content { number } else { nil } }
    var boolean: Bool? { if case .boolean(let boolean) = content { boolean } else { nil } }
    var array: [TOMLValue]? { if case .array(let values) = content { values } else { nil } }
    var table: [String: TOMLValue]? { if case .table(let values) = content { values } else { nil } }

    /// The value for a message: as TOML, shortened if long; for a table, an array or a date only its kind.
    var shown: String {
        switch content {
        case .string(let text):
            PrintableText.quoted(String(String.UnicodeScalarView(text.unicodeScalars.prefix(80))))
                + (text.unicodeScalars.count > 80 ? "…" : "")
        case .integer(let number): String(number)
        case .float(let number): number.description
        case .boolean(let boolean): String(boolean)
        case .date: "a date"
        case .time: "a time of day"
        case .dateTime: "a date and time"
        case .array: "an array"
        case .table: "a table"
        }
    }
}

extension TOMLValue {
    /// Parses the document `text` into its top-level table. Messages call it `path`.
    init(parsing text: String, path: String) throws(SettingsError) {
        var text = text
        let outcome = text.withUTF8 { unsafe TOMLValue.parse($0) }
        switch outcome {
        case .success(let value): self = value
        case .failure(let error): throw SettingsError(mistakes: [error.mistake(in: text, path: path)])
        }
    }

    private static func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> Result<TOMLValue, TOMLSyntaxError> {
        let document = unsafe bytes.withMemoryRebound(to: CChar.self) {
            unsafe ctoml_parse($0.baseAddress, $0.count)
        }
        guard let document = unsafe document else {
            return .failure(TOMLSyntaxError(line: 1, column: 1, description: "not enough memory to read it"))
        }
        defer { unsafe ctoml_free(document) }
        if let failure = unsafe ctoml_failure(document)?.pointee {
            return unsafe .failure(
                TOMLSyntaxError(
                    line: Int(failure.line),
                    column: Int(failure.column),
                    description: string(failure.description)
                )
            )
        }
        var count = 0
        let values = unsafe ctoml_values(document, &count)
        var rest = unsafe UnsafeBufferPointer(start: values, count: count)[...]
        guard let top = unsafe rest.popFirst() else {
            return .success(TOMLValue(content: .table([:]), line: 1))
        }
        return unsafe .success(TOMLValue(top, followedBy: &rest))
    }

    private init(_ value: ctoml_value, followedBy rest: inout Slice<UnsafeBufferPointer<ctoml_value>>) {
        line = unsafe Int(value.line)
        switch unsafe value.kind {
        case CTOML_STRING: content = unsafe .string(Self.string(value.string))
        case CTOML_INTEGER: content = unsafe .integer(value.integer)
        case CTOML_FLOAT: content = unsafe .float(value.number)
        case CTOML_BOOLEAN: content = unsafe .boolean(value.boolean)
        case CTOML_DATE: content = .date
        case CTOML_TIME: content = .time
        case CTOML_DATE_TIME: content = .dateTime
        case CTOML_ARRAY:
            content = unsafe .array(
                (0..<value.children).compactMap { _ in
                    unsafe rest.popFirst().map { unsafe TOMLValue($0, followedBy: &rest) }
                }
            )
        default:
            var table: [String: TOMLValue] = [:]
            for _ in unsafe 0..<value.children {
                guard let child = unsafe rest.popFirst() else { break }
                unsafe table[Self.string(child.key)] = unsafe TOMLValue(child, followedBy: &rest)
            }
            content = .table(table)
        }
    }

    private static func string(_ text: ctoml_text) -> String {
        let bytes = unsafe UnsafeRawBufferPointer(start: text.bytes, count: text.count)
        return unsafe String(decoding: bytes, as: UTF8.self)
    }
}
