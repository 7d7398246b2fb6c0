import Dispatch
import Glibc
import Logging

/// The log of a daemon, behind swift-log: the journal when standard error leads there, plain lines on standard error
/// otherwise.
///
/// ```swift
/// let log = SystemLog(identifier: "greeter")
/// let logger = Logger(label: "greeter", factory: log.makeHandler)
/// ```
///
/// For a program whose libraries log, too: `LoggingSystem.bootstrap(log.makeHandler)`.
///
/// A log call never waits: records go through a bounded backlog to one writer on a private queue. If the reader is too slow, new
/// records are dropped, and later a record reports how many.
///
/// The process must ignore SIGPIPE. Otherwise it ends when the reader of its standard error ends.
///
/// Metadata becomes journal fields: the key `client-name` becomes CLIENT_NAME. A logger whose label is not the identifier
/// adds the label as LOGGER; the error of a log call is added as ERROR_MESSAGE and ERROR_TYPE.
public struct SystemLog: Sendable {
    /// Where the records go.
    public enum Destination: Sendable, Equatable {
        /// Plain lines on standard error, with time and level.
        case console
        /// The journal, with fields; see sd_journal_print(3).
        case journal
        /// Lines on standard error, which leads to the journal, with the priority as a prefix. It is used if a sandbox
        /// hides the journal's socket: then sd_journal_sendv(3) would silently drop every record.
        case journalLines
    }

    /// Where the records go.
    public let destination: Destination

    private let identifier: String
    private let backlog: LogBacklog
    private let sharedLevel: SharedLogLevel
    private let metadataProvider: Logger.MetadataProvider?

    /// Opens the log.
    ///
    /// - Parameters:
    ///   - identifier: SYSLOG_IDENTIFIER in the journal: the short name of the program.
    ///   - level: The lowest level that is logged.
    ///   - environment: Holds JOURNAL_STREAM when systemd has connected standard error to the journal.
    ///   - showsMetadata: Whether plain lines end with the metadata as `name=value`. By default they do not: a message is
    ///     written for people and complete by itself. The journal always gets it.
    ///   - metadataProvider: Adds metadata to each record when the log call is made, such as the trace that the task
    ///     belongs to; nil for the provider that `LoggingSystem.bootstrap` was given. A provider that a logger is made with
    ///     replaces it for that logger. What the provider says replaces the metadata of the logger with the same key, and
    ///     the metadata of the log call replaces both.
    ///   - backlogLimit: How many bytes of records may wait for a slow reader.
    public init(
        identifier: String,
        level: Logger.Level = .info,
        environment: Environment = .process,
        showsMetadata: Bool = false,
        metadataProvider: Logger.MetadataProvider? = nil,
        backlogLimit: Int = 4 << 20
    ) {
        let destination = Self.destination(
            of: STDERR_FILENO,
            environment: environment,
            journalSocket: "/run/systemd/journal/socket"
        )
        let writer: any LogWriter =
            switch destination {
            case .console:
                ConsoleLog(descriptor: STDERR_FILENO, prefix: .timeAndLevel, showsMetadata: showsMetadata)
            case .journal:
                JournalLog(identifier: identifier)
            case .journalLines:
                ConsoleLog(descriptor: STDERR_FILENO, prefix: .priority, showsMetadata: showsMetadata)
            }
        self.init(
            destination: destination,
            identifier: identifier,
            level: level,
            metadataProvider: metadataProvider,
            backlog: LogBacklog(limit: backlogLimit, writer: writer)
        )
    }

    static func destination(of descriptor: Int32, environment: Environment, journalSocket: String)
        -> Destination
    {
        guard let stream = JournalStream(environment), stream.isConnected(to: descriptor) else {
            return .console
        }
        return unsafe access(journalSocket, F_OK) == 0 ? .journal : .journalLines
    }

    init(
        destination: Destination,
        identifier: String = "",
        level: Logger.Level,
        metadataProvider: Logger.MetadataProvider? = nil,
        backlog: LogBacklog
    ) {
        self.destination = destination
        self.identifier = identifier
        self.metadataProvider = metadataProvider
        self.backlog = backlog
        sharedLevel = SharedLogLevel(level)
    }

    /// The lowest level that is logged. A change applies at once to every logger of this log, except those with their own level.
    public var level: Logger.Level {
        get { sharedLevel.value }
        nonmutating set { sharedLevel.value = newValue }
    }

    /// Makes a swift-log handler that logs here, in the form that `Logger(label:factory:)` and `LoggingSystem.bootstrap(_:)`
    /// take.
    ///
    /// - Parameter label: The label of the logger.
    public func makeHandler(label: String) -> any LogHandler {
        SystemLogHandler(
            label: label == identifier ? nil : label,
            backlog: backlog,
            sharedLevel: sharedLevel,
            metadataProvider: metadataProvider ?? LoggingSystem.metadataProvider
        )
    }

    /// How many records have been dropped because the reader of the log was too slow.
    public var droppedRecords: UInt64 { backlog.droppedRecords }

    /// Waits until the records logged so far have been written.
    ///
    /// Call it before the process exits, and not on a queue that serves clients.
    ///
    /// - Returns: False when the deadline came first.
    @discardableResult
    public func flush(deadline: DispatchTime) -> Bool {
        backlog.flush(deadline: deadline)
    }

    /// Like ``flush(deadline:)``, for a process that exits soon after its start. journald looks up the unit of a message when it reads
    /// it, and the sender must still exist then. So this waits a moment longer.
    @discardableResult
    public func flushBeforeEarlyExit(deadline: DispatchTime) -> Bool {
        let isWritten = flush(deadline: deadline)
        if destination == .journal { usleep(100_000) }
        return isWritten
    }
}
