import ReverseClient

/// The client's reader of answers: for any bytes from the server and any number of lost connections, it returns only complete
/// answers of the right length, each once and in order.
func checkAnswers(_ input: [UInt8]) {
    var script = Script(input)
    var exchange = Exchange(limits: Exchange.Limits(window: 32, output: 16, line: 64))
    var lines: [UInt8] = []
    var output: [UInt8] = []
    var sent: [UInt8] = []
    exchange.connectionOpened()
    while !script.isAtEnd {
        switch script.number(below: 6) {
        case 0:
            exchange.takeInput { space in
                let piece = script.piece(min(space.count, script.number(below: 16)))
                space.copyBytes(from: piece)
                lines += piece
                return piece.count
            }
        case 1: exchange.endInput()
        case 2:
            exchange.giveUnsent { bytes in
                let count = min(bytes.count, script.number(below: 16))
                sent += bytes.prefix(count)
                return count
            }
        case 3:
            do {
                // Mostly a correct answer: a line of the same length.
                let isRight = script.number(below: 4) > 0
                try exchange.takeAnswers { space in
                    let piece = isRight ? Array(sent.prefix(space.count)) : script.piece(min(space.count, 4))
                    if isRight { sent.removeFirst(piece.count) }
                    space.copyBytes(from: piece)
                    return piece.count
                }
            } catch {
                return checkOutput(output, lines)
            }
        case 4:
            exchange.giveOutput { bytes in
                let count = min(bytes.count, script.number(below: 16))
                output += bytes.prefix(count)
                return count
            }
        default:
            exchange.connectionEnded()
            sent = []
            exchange.connectionOpened()
        }
        require(
            exchange.bytesAnswered <= exchange.bytesAccepted,
            "more bytes are answered than were accepted"
        )
        require(
            !exchange.isDone || output.count == lines.count,
            "it is done after \(output.count) of \(lines.count) bytes"
        )
    }
    checkOutput(output, lines)
}

/// The output has its line feeds at the same positions as the input.
private func checkOutput(_ output: [UInt8], _ lines: [UInt8]) {
    require(output.count <= lines.count, "the output is longer than the input")
    for (answer, line) in zip(output, lines) {
        require((answer == 0x0A) == (line == 0x0A), "a line feed is at another position")
    }
}
