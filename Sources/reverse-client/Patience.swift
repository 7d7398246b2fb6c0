import ArgumentParser
import Quantities
import ReverseClient

/// How long to wait and to try.
struct Patience: ParsableArguments {
    /// For lines from a pipe or a file; a server's restart takes less.
    static let streamRetry = Duration.seconds(5)

    @Option(
        help: ArgumentHelp(
            "Give up when nothing moves for this long although an answer is owed, or when looking up the server and "
                + "connecting take longer: seconds, or with a unit ms, s, min, h; 0 for no limit (default: 10s).",
            valueName: "duration"
        ),
        completion: .list(["1s", "10s", "1min", "0"]),
        transform: Self.duration
    )
    var timeout: Duration?

    @Option(
        help: ArgumentHelp(
            "When the server cannot be reached or the connection is lost, connect and send again what has no answer, "
                + "for this long; 0 for never (default: 5s; 0 with TEXT, --ping and at the prompt).",
            valueName: "duration"
        ),
        completion: .list(["0", "5s", "1min", "1h"]),
        transform: Self.duration
    )
    var retryFor: Duration?

    var timeoutValue: Duration { timeout ?? .seconds(10) }

    /// What a stream is asked for, where `retry` is for a person who said nothing.
    func options(retry: Duration) -> Stream.Options {
        Stream.Options(timeout: timeoutValue, retry: RetryPolicy(patience: retryFor ?? retry))
    }

    @Sendable static func duration(_ text: String) throws -> Duration {
        // A number alone is seconds, as elsewhere on a command line.
        let unit = text.drop { ("0"..."9").contains($0) }
        if let duration = DurationText.parse(unit.isEmpty ? text + "s" : text) { return duration }
        if unit.count < text.count, ["", "ms", "s", "min", "h"].contains(unit) {
            throw ValidationError("\"\(text)\" is longer than a clock can count; write 0 for no limit")
        }
        let hint = DurationText.correction(of: text).map { "; did you mean \($0)?" } ?? ""
        throw ValidationError("\"\(text)\" is no duration: write 250ms, 10s (or 10), 5min, 1h or 0\(hint)")
    }
}
