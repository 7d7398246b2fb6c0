import Quantities
import Sockets

/// Why a stream of lines or a single question failed.
public struct ClientError: Error, Equatable, Sendable {
    /// What happened.
    public enum Reason: Equatable, Sendable {
        /// Connecting failed: what the system reported, and what to do about it.
        case cannotConnect(reason: String, advice: String)
        /// No byte was sent or received for this long while answers were outstanding, or connecting took longer.
        case timedOut(Duration)
        /// The name service did not answer within this time.
        case nameServiceSilent(Duration)
        /// The connection ended before every line was answered: what the system reported, empty for a regular end.
        case closedEarly(reason: String)
        /// The server ends the connection each time at this line (counted from 1), of which `sent` bytes were sent.
        case lineRefused(line: Int, sent: Int)
        /// An answer does not match its line in length or terminator.
        case wrongAnswer(Exchange.Mismatch)
        /// An answer has the right length but is not the line reversed.
        case notReversed
        /// A line of the input (counted from 1) is longer than the client's limit.
        case lineTooLong(line: Int, limit: Int)
        /// The caller interrupted the wait.
        case interrupted
        /// The input and the output are the same file.
        case inputIsOutput
        /// Reading the lines failed.
        case cannotRead(SystemError)
        /// Writing the answers failed.
        case cannotWrite(SystemError)
    }

    /// What happened.
    public var reason: Reason
    /// The server.
    public var endpoint: Endpoint
    /// How many lines had been answered.
    public var linesAnswered: Int
    /// How long the client had retried; nil if it did not.
    public var retriedFor: Duration?
    /// Whether line numbers mean something to the user. At a prompt they do not.
    var countsLines = true

    /// Makes an error.
    public init(_ reason: Reason, endpoint: Endpoint, linesAnswered: Int = 0, retriedFor: Duration? = nil) {
        self.reason = reason
        self.endpoint = endpoint
        self.linesAnswered = linesAnswered
        self.retriedFor = retriedFor
    }
}

extension ClientError: CustomStringConvertible {
    /// One sentence, without a full stop: what was being done, to which server, what happened, what to do.
    public var description: String { sentence(remedy: remedy) }

    /// The description with another remedy, for a program that can name its own options.
    public func sentence(remedy: String) -> String {
        problem + (remedy.isEmpty ? "" : "; \(remedy)") + summary
    }

    private var problem: String {
        switch reason {
        case .cannotConnect(let reason, _): return "cannot connect to \(endpoint): \(reason)"
        case .timedOut(let limit): return "\(endpoint) did not answer within \(DurationText.format(limit))"
        case .nameServiceSilent(let limit):
            return
                "cannot find \(endpoint): the name service did not answer within \(DurationText.format(limit))"
        case .closedEarly(let reason):
            let line = countsLines ? " to line \(linesAnswered + 1)" : ""
            return "\(endpoint) ended the connection without an answer\(line)"
                + (reason.isEmpty ? "" : " (\(reason))")
        case .lineRefused(let line, let sent):
            return "\(endpoint) ends the connection at line \(line), of which \(sent) bytes were sent"
        case .wrongAnswer(let mismatch): return "\(endpoint) gave a wrong answer: \(mismatch)"
        case .notReversed: return "\(endpoint) gave a wrong answer: it is not the line reversed"
        case .lineTooLong(let line, let limit): return "line \(line) has more than \(limit) bytes"
        case .inputIsOutput: return "the input and the output are the same file"
        case .interrupted: return "interrupted before \(endpoint) had answered"
        case .cannotRead(let error), .cannotWrite(let error): return error.description
        }
    }

    /// What to do about it; empty if there is nothing to suggest.
    public var remedy: String {
        switch reason {
        case .cannotConnect(_, let advice): advice
        case .timedOut:
            "the server may be overloaded, stopped or unreachable: try again, or allow more time"
        case .nameServiceSilent: "check the network, give the server's address, or allow more time"
        case .closedEarly:
            retriedFor == nil
                ? "the line may be longer than the server allows (max_line_bytes), or the server was stopped: look into "
                    + "its log"
                : "try again later, and look into the server's log"
        case .lineRefused:
            "the line is probably longer than the server allows (max_line_bytes in its settings)"
        case .wrongAnswer: "is it a reversed server that listens with framing = \"line\"?"
        case .lineTooLong: "split it"
        case .inputIsOutput: "write the answers to another file"
        case .notReversed, .interrupted, .cannotRead, .cannotWrite: ""
        }
    }

    private var summary: String {
        switch reason {
        case .cannotRead, .cannotWrite: return ""
        default: break
        }
        var parts: [String] = []
        if let retriedFor { parts.append("tried again for \(DurationText.format(retriedFor.rounded))") }
        if retriedFor != nil || linesAnswered > 0 {
            parts.append("\(linesAnswered) \(linesAnswered == 1 ? "line was" : "lines were") answered")
        }
        return parts.isEmpty ? "" : " (" + parts.joined(separator: ", ") + ")"
    }
}

extension Exchange.Mismatch: CustomStringConvertible {
    /// What is wrong with which line, as the end of a sentence. Byte counts include the terminator.
    public var description: String {
        switch self {
        case .length(let line, let came, .some(let due)):
            "the answer to line \(line) has \(came) bytes with its line end instead of \(due)"
        case .length(let line, let came, nil):
            "the answer to line \(line) ended after \(came) bytes, before the line itself did"
        case .tooLong(let line, let due):
            "the answer to line \(line) has more than \(due) bytes, the length of the line"
        case .terminator(let line):
            "the answer to line \(line) does not end as the line does"
        case .unasked(let line):
            "more bytes follow the answer to line \(line), the last line that was sent"
        }
    }
}

extension Duration {
    /// Truncated to whole seconds from one second on, and to milliseconds below.
    var rounded: Duration {
        self >= .seconds(1)
            ? .seconds(components.seconds) : .milliseconds(components.attoseconds / 1_000_000_000_000_000)
    }
}
