import CLoad
import Glibc

/// Nanoseconds of the monotonic clock.
typealias Instant = UInt64

func now() -> Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// The part of a run that is measured, after the warm-up and before the drain.
struct Window: Sendable {
    let opens: Instant
    let closes: Instant

    init(after warmUp: Double, lasting duration: Double) {
        opens = now() + UInt64(warmUp * 1e9)
        closes = opens + UInt64(duration * 1e9)
    }

    var seconds: Double { Double(closes - opens) / 1e9 }

    func contains(_ instant: Instant) -> Bool { instant >= opens && instant < closes }
}

/// The measurements of one thread of the generator.
struct Record: Sendable {
    /// The latency of each answer in the window, in nanoseconds, at most 4.2 s.
    var latencies: [UInt32] = []
    /// Bytes of the answers in the window.
    var bytes = 0
    /// Lines answered since the first connection.
    var answeredInAll = 0
    /// Lines without an answer at the end of the drain.
    var unanswered = 0
    /// CPU time over the window, in nanoseconds: of this thread.
    var generatorTime: Int64 = 0
    /// CPU time over the window, in nanoseconds: of the server. Only the first thread reads it.
    var serverTime: Int64 = 0

    init() { latencies.reserveCapacity(1 << 21) }

    mutating func note(latency: UInt64) {
        latencies.append(UInt32(clamping: latency))
    }
}

/// Reads the CPU times at the beginning and the end of the window.
struct Meter {
    private enum State { case before, within, after }

    private let window: Window
    private let server: pid_t?
    private var state = State.before
    private var generatorStart: Int64 = 0
    private var serverStart: Int64 = 0

    init(window: Window, server: pid_t?) {
        self.window = window
        self.server = server
    }

    mutating func look(at instant: Instant, record: inout Record) {
        switch state {
        case .before where instant >= window.opens:
            state = .within
            generatorStart = threadTime()
            serverStart = serverTime()
        case .within where instant >= window.closes:
            state = .after
            record.generatorTime = threadTime() - generatorStart
            record.serverTime = serverTime() - serverStart
        default: break
        }
    }

    private func threadTime() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    private func serverTime() -> Int64 {
        server.map(Session.cpuTime(of:)) ?? 0
    }
}
