import Logging
import Synchronization

extension Logger.Level {
    /// The priority of syslog(3) and sd_journal_print(3), 7 (debug) to 2 (critical). 1 (alert) and 0 (emergency) are for
    /// the whole machine.
    public var syslogPriority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    var rank: UInt8 {
        switch self {
        case .trace: 0
        case .debug: 1
        case .info: 2
        case .notice: 3
        case .warning: 4
        case .error: 5
        case .critical: 6
        }
    }

    init(rank: UInt8) {
        switch rank {
        case 0: self = .trace
        case 1: self = .debug
        case 2: self = .info
        case 3: self = .notice
        case 4: self = .warning
        case 5: self = .error
        default: self = .critical
        }
    }
}

/// The level below which nothing is logged, shared by all loggers of one log: a reload changes it for every one of them.
final class SharedLogLevel: Sendable {
    private let rank: Atomic<UInt8>

    init(_ level: Logger.Level) {
        rank = Atomic(level.rank)
    }

    var value: Logger.Level {
        get { Logger.Level(rank: rank.load(ordering: .relaxed)) }
        set { rank.store(newValue.rank, ordering: .relaxed) }
    }
}
