import Quantities
import Sockets

/// Why a conversation could not be brought to its end.
public struct ClientError: Error, Equatable, Sendable {
    /// What happened.
    public enum Reason: Equatable, Sendable {
        /// No connection came about: what the system said, and what to do about it.
        case cannotConnect(reason: String, advice: String)
        /// Nothing moved for this long although answers were owed, or a connection did not come about in this time.
        case timedOut(Duration)
        /// The name service gave no address of the server in this time.
        case nameServiceSilent(Duration)
        /// The connection ended before every line had its answer: what the system said, empty for an orderly end.
        case closedEarly(reason: String)
        /// The server ends the connection at this line (counted from 1), of which `sent` bytes went out.
        case lineRefused(line: Int, sent: Int)
        /// An answer does not fit its line.
        case wrongAnswer(Exchange.Mismatch)
        /// An answer has the right length and is not the line reversed.
        case notReversed
        /// A line of the input (counted from 1) has more bytes than the client holds.
        case lineTooLong(line: Int, limit: Int)
        /// A person ended the waiting.
        case interrupted
        /// The lines come from the file that the answers go to.
        case inputIsOutput
        /// The lines could not be read.
        case cannotRead(SystemError)
        /// The answers could not be written.
        case cannotWrite(SystemError)
    }

    /// What happened.
    public var reason: Reason
    /// With whom the client talked.
    public var endpoint: Endpoint
    /// How many lines had been answered by then.
    public var linesAnswered: Int
    /// For how long the client had tried to connect and send again; nil when it did not.
    public var retriedFor: Duration?
    /// Whether the lines that were asked have numbers which mean something to a person; not so at a prompt.
    var countsLines = true

    /// Makes an error.
    public init(_ reason: Reason, endpoint: Endpoint, linesAnswered: Int = 0, retriedFor: Duration? = nil) {
        self.reason = reason
        self.endpoint = endpoint
        self.linesAnswered = linesAnswered
        self.retriedFor = retriedFor
    }

    /// The exit code that says the same (sysexits.h): 65 for input that cannot be sent, 69 for no connection, 74 for
    /// input or output, 75 for "try again later", 76 for an answer that is short or wrong; 130 as a shell
    /// says it of Ctrl-C.
    public var exitCode: Int32 {
        switch reason {
        case .lineTooLong: 65
        case .cannotConnect: 69
        case .inputIsOutput, .cannotRead, .cannotWrite: 74
        case .timedOut, .nameServiceSilent: 75
        case .closedEarly: retriedFor == nil ? 76 : 75
        case .lineRefused, .wrongAnswer, .notReversed: 76
        case .interrupted: 130
        }
    }
}

extension ClientError: CustomStringConvertible {
    /// One sentence, without a full stop: what was being done, with whom, what happened, what to do.
    public var description: String {
        switch reason {
        case .cannotRead(let error), .cannotWrite(let error): return error.description
        default: return sentence + afterthought
        }
    }

    private var sentence: String {
        switch reason {
        case .cannotConnect(let reason, let advice):
            return "cannot connect to \(endpoint): \(reason)" + (advice.isEmpty ? "" : "; \(advice)")
        case .timedOut(let limit):
            return
                "\(endpoint) did not answer within \(DurationText.format(limit)); the server may be overloaded, "
                + "stopped or unreachable: try again, or allow more time with --timeout"
        case .nameServiceSilent(let limit):
            return
                "cannot find \(endpoint): the name service did not answer within \(DurationText.format(limit)); "
                + "check the network, give the server's address with -H, or allow more time with --timeout"
        case .closedEarly(let reason):
            let line = countsLines ? " to line \(linesAnswered + 1)" : ""
            return "\(endpoint) ended the connection without an answer\(line)"
                + (reason.isEmpty ? "" : " (\(reason))") + "; "
                + (retriedFor == nil
                    ? "the line may be longer than the server allows (max_line_bytes), or the server was stopped: "
                        + "look into its log"
                    : "try again later, and look into the server's log")
        case .lineRefused(let line, let sent):
            return
                "\(endpoint) ends the connection at line \(line), of which \(sent) bytes were sent; the line is "
                + "probably longer than the server allows (max_line_bytes in its settings)"
        case .wrongAnswer(let mismatch):
            return
                "\(endpoint) gave a wrong answer: \(mismatch); is it a reversed that listens with framing = \"line\"?"
        case .notReversed:
            return "\(endpoint) gave a wrong answer: it is not the line reversed"
        case .lineTooLong(let line, let limit):
            return "line \(line) has more than \(limit) bytes; split it"
        case .inputIsOutput:
            return "the lines come from the file that the answers go to; write the answers to another file"
        case .interrupted:
            return "interrupted before \(endpoint) had answered"
        case .cannotRead(let error), .cannotWrite(let error):
            return error.description
        }
    }

    private var afterthought: String {
        var parts: [String] = []
        if let retriedFor { parts.append("tried again for \(DurationText.format(retriedFor.rounded))") }
        if retriedFor != nil || linesAnswered > 0 {
            parts.append("\(linesAnswered) \(linesAnswered == 1 ? "line was" : "lines were") answered")
        }
        return parts.isEmpty ? "" : " (" + parts.joined(separator: ", ") + ")"
    }
}

extension Exchange.Mismatch: CustomStringConvertible {
    /// What is wrong with which line, for the end of a sentence. Byte counts include the line's end.
    public var description: String {
        switch self {
        case .length(let line, let came, .some(let due)):
            "the answer to line \(line) has \(came) bytes with its line end where \(due) were due"
        case .length(let line, let came, nil):
            "the answer to line \(line) ended after \(came) bytes, before the line itself did"
        case .tooLong(let line, let due):
            "the answer to line \(line) has more than the \(due) bytes that were due"
        case .terminator(let line):
            "the answer to line \(line) does not end as the line does"
        case .unasked(let line):
            "more bytes came after the answer to line \(line), to no line that was sent"
        }
    }
}

extension Duration {
    /// Cut to whole seconds from one second on, to milliseconds below.
    var rounded: Duration {
        self >= .seconds(1)
            ? .seconds(components.seconds) : .milliseconds(components.attoseconds / 1_000_000_000_000_000)
    }
}
