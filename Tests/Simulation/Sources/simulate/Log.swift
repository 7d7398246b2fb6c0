import Logging
import World

/// Writes the server's log records to the trace.
struct Log: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        World.current.count("log records")
        World.current.trace("log: \(event.message)")
    }
}
