import Logging

@testable import Systemd

/// Journal fields: names that the journal accepts, a message without control characters, ranges that cover all bytes.
func checkJournal(_ input: [UInt8]) {
    var script = Script(input)
    var fields: [(name: String, value: String)] = []
    let message = String(decoding: script.piece(script.number(below: 64)), as: UTF8.self)
    while !script.isAtEnd {
        let name = String(decoding: script.piece(script.number(below: 80)), as: UTF8.self)
        fields.append((name, String(decoding: script.piece(script.number(below: 80)), as: UTF8.self)))
    }
    let record = LogRecord(level: .info, message: message, fields: fields)
    let entry = JournalEntry(record, identifier: "fuzz")
    var end = 0
    for range in entry.ranges {
        require(range.lowerBound == end, "there are bytes between two fields")
        end = range.upperBound
        let field = entry.bytes[range]
        guard let equals = field.firstIndex(of: UInt8(ascii: "=")) else {
            fatalError("a field has no value")
        }
        let name = field[..<equals]
        require((1...64).contains(name.count), "a name has \(name.count) bytes")
        let isCapital = { (byte: UInt8) in (0x41...0x5A).contains(byte) }
        require(name.first.map(isCapital) == true, "a name does not begin with a letter")
        require(
            name.allSatisfy { isCapital($0) || (0x30...0x39).contains($0) || $0 == 0x5F },
            "the journal refuses a name"
        )
        if name.elementsEqual("MESSAGE".utf8) {
            require(field.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "the message has a control character")
        }
    }
    require(end == entry.bytes.count, "there are bytes after the last field")
}

/// LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES: no trap, a bounded number of sockets, and a warning for what is refused.
func checkActivation(_ input: [UInt8]) {
    let parts = input.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
    guard parts.count == 3 else { return }
    let environment: Environment = [
        "LISTEN_FDS": parts[0], "LISTEN_PID": parts[1].isEmpty ? "42" : parts[1], "LISTEN_FDNAMES": parts[2],
    ]
    let variables = ActivationVariables(environment, processID: 42)
    require(variables.count >= 0, "a negative number of sockets")
    require(
        variables.names.isEmpty || variables.names.count == Int(variables.count),
        "the names do not match the sockets"
    )
    for warning in variables.warnings {
        require(warning.unicodeScalars.allSatisfy { $0.value >= 0x20 }, "a warning has a control character")
    }
    _ = variables.name(at: 0)
    _ = variables.name(at: Int(variables.count))
}
