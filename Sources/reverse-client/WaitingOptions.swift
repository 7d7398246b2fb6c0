import ArgumentParser
import Quantities
import ReverseClient

/// How long to wait for the server, and how long to retry.
struct WaitingOptions: ParsableArguments {
    /// The default of --retry-for for lines from a pipe or a file. A restart of the server takes less.
    static let streamRetry = Duration.seconds(5)

    @Option(
        help: ArgumentHelp(
            "Give up if an answer is outstanding and nothing is sent or received for this long, or if connecting "
                + "takes longer: seconds, or with a unit ms, s, min, h; 0 for no limit (default: 10s).",
            valueName: "duration"
        ),
        completion: .list(["1s", "10s", "1min", "0"]),
        transform: Self.duration
    )
    var timeout: Duration?

    @Option(
        help: ArgumentHelp(
            "If the server cannot be reached or the connection is lost, keep connecting for this long and resend the "
                + "lines without an answer; 0 to never retry (default: 5s; 0 with TEXT, --ping and at the prompt).",
            valueName: "duration"
        ),
        completion: .list(["0", "5s", "1min", "1h"]),
        transform: Self.duration
    )
    var retryFor: Duration?

    var timeoutValue: Duration { timeout ?? .seconds(10) }

    /// The options of a stream; `retry` is the default without --retry-for.
    func options(retry: Duration) -> Stream.Options {
        Stream.Options(timeout: timeoutValue, retry: RetryPolicy(timeLimit: retryFor ?? retry))
    }

    @Sendable static func duration(_ text: String) throws -> Duration {
        // A number alone is seconds.
        let unit = text.drop { ("0"..."9").contains($0) }
        if let duration = DurationText.parse(unit.isEmpty ? text + "s" : text) { return duration }
        if unit.count < text.count, ["", "ms", "s", "min", "h"].contains(unit) {
            throw ValidationError("\"\(text)\" is longer than the clock can count; write 0 for no limit")
        }
        let hint = DurationText.correction(of: text).map { "; did you mean \($0)?" } ?? ""
        throw ValidationError("\"\(text)\" is no duration: write 250ms, 10s (or 10), 5min, 1h or 0\(hint)")
    }
}
