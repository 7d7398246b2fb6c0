import ArgumentParser
import CommandSupport
import Glibc
import ReverseClient
import Sockets

/// What to ping and how often.
struct PingOptions: ParsableArguments {
    @Flag(help: "Send generated lines, check the answers, and print the round-trip time of each.")
    var ping = false

    @Option(
        help: ArgumentHelp("How many lines to send; 0 until Ctrl-C (default: 4).", valueName: "n"),
        completion: .list(["1", "4", "100", "0"])
    )
    var count: Int?

    @Option(
        help: ArgumentHelp("The pause between two lines (default: 1s).", valueName: "duration"),
        completion: .list(["0", "100ms", "1s", "1min"]),
        transform: WaitingOptions.duration
    )
    var interval: Duration?

    mutating func validate() throws {
        guard ping || (count == nil && interval == nil) else {
            throw ValidationError("--count and --interval belong to --ping")
        }
        if let count, count < 0 { throw ValidationError("--count must be 0 or more, not \(count)") }
    }
}

/// Sends lines with known answers and prints their round-trip times, for monitoring and checks.
struct PingMode {
    let endpoint: Endpoint
    let waiting: WaitingOptions
    let options: PingOptions
    let json: Bool

    func run() throws {
        Interrupt.install()
        let output = StandardOutput(endpoint: endpoint)
        let conversation = Conversation(
            with: endpoint,
            timeout: waiting.timeoutValue,
            retry: RetryPolicy(timeLimit: waiting.retryFor ?? .zero),
            isInterrupted: { Interrupt.isPending }
        )
        let ping = Ping(conversation)
        let count = options.count ?? 4
        let interval = options.interval ?? .seconds(1)
        var statistics = PingStatistics()
        var due = ContinuousClock.now
        while count == 0 || statistics.sent < count {
            sleep(until: due)
            if Interrupt.isPending { break }
            let outcome = ping.ask(sequence: statistics.sent + 1, token: .random(in: 0...(.max)))
            if case .failed(let error) = outcome, error.reason == .interrupted { break }
            statistics.add(outcome)
            try output.write(line(statistics.sent, outcome) + "\n")
            due = max(due + interval, ContinuousClock.now)
        }
        // The terminal has printed ^C on the current line.
        if Interrupt.isPending && isatty(STDOUT_FILENO) == 1 { try output.write("\n") }
        try output.write(summary(statistics) + "\n")
        if Interrupt.isPending { ProcessSignals.terminate(by: SIGINT) }
        if let failure = statistics.lastFailure { throw ExitCode(failure.exitCode) }
        try StandardStreams.finish(endpoint: endpoint)
    }

    /// Returns early on a signal.
    private func sleep(until due: ContinuousClock.Instant) {
        while !Interrupt.isPending {
            let left = ContinuousClock.now.duration(to: due)
            guard left > .zero else { return }
            Self.pause(min(left, .milliseconds(300)))
        }
    }

    private static func pause(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        unsafe nanosleep(&time, nil)
    }

    private func line(_ sequence: Int, _ outcome: Ping.Outcome) -> String {
        guard json else {
            return switch outcome {
            case .answered(let roundTrip):
                "answer from \(endpoint): seq=\(sequence) time=\(milliseconds(roundTrip)) ms"
            case .failed(let error): "no answer: seq=\(sequence) \(error.message)"
            }
        }
        var object = JSONObject()
        object.add("seq", sequence)
        switch outcome {
        case .answered(let roundTrip): object.add("round_trip_ms", roundTrip)
        case .failed(let error):
            object.add("error", error.message)
            object.add("exit_code", Int(error.exitCode))
        }
        return object.description
    }

    private func summary(_ statistics: PingStatistics) -> String {
        let times = statistics.summary
        guard json else {
            var text = "\(endpoint): \(statistics.sent) sent, \(statistics.answered) answered, "
            text += "\(statistics.lost) lost, \(statistics.wrong) wrong"
            if let times {
                let values = [times.minimum, times.median, times.p99, times.maximum].map(milliseconds)
                text += "\nround trip min/median/p99/max = \(values.joined(separator: "/")) ms"
            }
            return text
        }
        var object = JSONObject()
        object.add("server", endpoint.description)
        object.add("sent", statistics.sent)
        object.add("answered", statistics.answered)
        object.add("lost", statistics.lost)
        object.add("wrong", statistics.wrong)
        if let times {
            object.add("min_ms", times.minimum)
            object.add("median_ms", times.median)
            object.add("p99_ms", times.p99)
            object.add("max_ms", times.maximum)
        }
        var whole = JSONObject()
        whole.add("summary", object)
        return whole.description
    }
}
