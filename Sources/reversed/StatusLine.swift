import DispatchServer

/// The living line of `systemctl status`.
struct StatusLine {
    private var last = Statistics()

    /// What is shown while the daemon serves.
    ///
    /// - Parameters:
    ///   - places: Where it listens.
    ///   - now: The counters now; the line shows what they have grown by since the last call.
    ///   - seconds: The time since the last call.
    mutating func serving(_ places: [String], _ now: Statistics, seconds: Double) -> String {
        defer { last = now }
        let lines = Self.rate(now.requests &- last.requests, seconds)
        let bytes = Self.rate(now.bytes &- last.bytes, seconds)
        return """
            Listening on \(places.joined(separator: ", ")); \(Self.connections(now.connections)), \
            \(lines) lines/s, \(Self.size(bytes))/s
            """
    }

    /// What is shown while the daemon stops.
    static func draining(_ connections: Int) -> String {
        "Stopping: \(Self.connections(connections)) left"
    }

    static func connections(_ count: Int) -> String { "\(count) connection\(count == 1 ? "" : "s")" }

    private static func rate(_ growth: UInt64, _ seconds: Double) -> UInt64 {
        guard seconds > 0 else { return 0 }
        return UInt64(exactly: (Double(growth) / seconds).rounded()) ?? 0
    }

    private static func size(_ bytes: UInt64) -> String {
        var value = Double(bytes)
        for unit in ["B", "KiB", "MiB"] {
            if value < 1024 { return unit == "B" ? "\(bytes) B" : "\((value * 10).rounded() / 10) \(unit)" }
            value /= 1024
        }
        return "\((value * 10).rounded() / 10) GiB"
    }
}
