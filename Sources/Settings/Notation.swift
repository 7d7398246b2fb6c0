import DispatchServer
import Logging
import Quantities
import TextEscaping

/// Why a value is refused.
struct Refusal: Error, Equatable {
    /// What is wrong or what is allowed, as the end of a sentence that begins with the key.
    var problem: String
    /// What was probably meant.
    var suggestion: String?

    init(_ problem: String, meant suggestion: String? = nil) {
        self.problem = problem
        self.suggestion = suggestion
    }
}

/// How values of a type are read from a settings file, refused and printed.
struct Notation<Value>: Sendable {
    /// The name of the type in the manual.
    var type: String
    /// The allowed values that the documents must name: bounds, words, and "0" if it has a meaning of its own.
    var allowed: [String]
    var read: @Sendable (TOMLValue) throws(Refusal) -> Value
    var write: @Sendable (Value) -> String

    init(
        _ type: String,
        allowed: [String] = [],
        read: @escaping @Sendable (TOMLValue) throws(Refusal) -> Value,
        write: @escaping @Sendable (Value) -> String
    ) {
        self.type = type
        self.allowed = allowed
        self.read = read
        self.write = write
    }
}

extension Notation {
    /// A whole number without a unit.
    static func wholeNumber(_ range: ClosedRange<Value>) -> Notation
    where Value: FixedWidthInteger & Sendable {
        let rule = "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
        return Notation("integer", allowed: ["\(range.lowerBound)", "\(range.upperBound)"]) {
            value throws(Refusal) in
            if let number = value.integer.flatMap(Value.init(exactly:)), range.contains(number) {
                return number
            }
            let meant = value.string.flatMap { Value($0) }.flatMap { range.contains($0) ? String($0) : nil }
            throw Refusal(rule, meant: meant)
        } write: {
            String($0)
        }
    }

    /// A size: a whole number of bytes, or a string with a unit.
    static func size(_ range: ClosedRange<Int64>) -> Notation where Value == Int {
        let bounds = [range.lowerBound, range.upperBound].map(ByteCountText.format)
        let rule = """
            must be a number of bytes, or a whole number with B, KiB, MiB or GiB such as "64KiB", \
            from \(bounds.joined(separator: " to "))
            """
        return Notation("size", allowed: bounds.map(PrintableText.quoted)) { value throws(Refusal) in
            let bytes = value.integer ?? value.string.flatMap(ByteCountText.parse)
            if let bytes, range.contains(bytes) { return Int(clamping: bytes) }
            let meant = bytes == nil ? value.string.flatMap(ByteCountText.correction(of:)) : nil
            let isAllowed = meant.flatMap(ByteCountText.parse).map(range.contains) ?? false
            throw Refusal(rule, meant: isAllowed ? meant.map(PrintableText.quoted) : nil)
        } write: {
            PrintableText.quoted(ByteCountText.format(Int64($0)))
        }
    }

    /// A duration: a string with a unit.
    static func duration(_ range: ClosedRange<Duration>) -> Notation where Value == Duration {
        let bounds = [range.lowerBound, range.upperBound].map(DurationText.format)
        let rule =
            "must be a whole number with ms, s, min or h such as \"10s\", from \(bounds.joined(separator: " to "))"
        return Notation("duration", allowed: bounds.map(PrintableText.quoted)) { value throws(Refusal) in
            let duration = value.integer == 0 ? .zero : value.string.flatMap(DurationText.parse)
            if let duration, range.contains(duration) { return duration }
            let text = duration == nil ? value.string ?? value.integer.map { String($0) } : nil
            let meant = text.flatMap(DurationText.correction(of:))
            let isAllowed = meant.flatMap(DurationText.parse).map(range.contains) ?? false
            throw Refusal(rule, meant: isAllowed ? meant.map(PrintableText.quoted) : nil)
        } write: {
            PrintableText.quoted(DurationText.format($0))
        }
    }

    /// The same or "0", which is read as nil. `meaning` explains "0" in messages, as in "never".
    func orZero(for meaning: String) -> Notation<Value?> {
        let (read, write) = (self.read, self.write)
        let zero = type == "integer" ? "0" : "\"0\""
        return Notation<Value?>(type, allowed: allowed + [zero]) { value throws(Refusal) in
            let isZero = value.string.map { DurationText.parse($0) == .zero || ByteCountText.parse($0) == 0 }
            if value.integer == 0 || isZero == true { return nil }
            do throws(Refusal) { return try read(value) } catch {
                throw Refusal("\(error.problem), or \(zero) for \(meaning)", meant: error.suggestion)
            }
        } write: {
            $0.map(write) ?? zero
        }
    }

    /// The same or "auto", the server's own choice.
    var orAutomatic: Notation<Choice<Value>> {
        let (read, write) = (self.read, self.write)
        return Notation<Choice<Value>>(type, allowed: allowed + ["\"auto\""]) { value throws(Refusal) in
            if value.string == "auto" { return .automatic }
            do throws(Refusal) { return .chosen(try read(value)) } catch {
                throw Refusal("\(error.problem), or \"auto\"", meant: error.suggestion)
            }
        } write: {
            switch $0 {
            case .automatic: "\"auto\""
            case .chosen(let value): write(value)
            }
        }
    }

    /// One of some words.
    static func word(_ words: [Value]) -> Notation
    where Value: RawRepresentable & Sendable, Value.RawValue == String {
        let names = words.map(\.rawValue)
        return Notation("string", allowed: names.map(PrintableText.quoted)) { value throws(Refusal) in
            if let word = words.first(where: { $0.rawValue == value.string }) { return word }
            let near = value.string.flatMap { Spelling.nearest(to: $0, among: names) }
            throw Refusal(
                "must be one of \(names.map(PrintableText.quoted).joined(separator: ", "))",
                meant: near.map(PrintableText.quoted)
            )
        } write: {
            PrintableText.quoted($0.rawValue)
        }
    }
}

extension Notation<Bool> {
    static let boolean = Notation("boolean") { value throws(Refusal) in
        if let boolean = value.boolean { return boolean }
        let word = value.string?.lowercased()
        throw Refusal(
            "must be true or false, without quotes",
            meant: word == "true" || word == "false" ? word : nil
        )
    } write: {
        String($0)
    }
}

extension Notation<String> {
    private static func text(_ value: TOMLValue) throws(Refusal) -> String {
        guard let text = value.string else { throw Refusal("must be a string in quotes") }
        return text
    }

    /// An address or a name; see `HostText`.
    static let host = Notation("string") { value throws(Refusal) in
        let host = try text(value)
        _ = try HostText(host)
        return host
    } write: {
        PrintableText.quoted($0)
    }

    /// The absolute path of a Unix socket.
    static let path = Notation("string", allowed: ["\(SocketPath.maximumBytes) bytes"]) {
        value throws(Refusal) in
        let path = try text(value)
        try SocketPath.check(path)
        return path
    } write: {
        PrintableText.quoted($0)
    }
}

extension Notation<UInt32> {
    /// Permission bits in octal, as for chmod(1).
    static let mode = Notation("string", allowed: ["\"0000\"", "\"0777\""]) { value throws(Refusal) in
        if let text = value.string, (3...4).contains(text.utf8.count),
            text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }),
            let mode = UInt32(text, radix: 8), mode <= 0o777
        {
            return mode
        }
        throw Refusal("must be octal digits in quotes, from \"0000\" to \"0777\", such as \"0660\"")
    } write: { mode in
        let digits = String(mode, radix: 8)
        return "\"" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits + "\""
    }
}
