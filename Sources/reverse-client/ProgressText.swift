import ReverseClient

/// The text of the progress line.
struct ProgressText {
    /// The size of the input in bytes; nil if unknown.
    var size: Int?
    private var samples: [(time: ContinuousClock.Instant, progress: StreamProgress)] = []

    init(size: Int?) { self.size = size }

    /// How many calls the speed is averaged over.
    private static let mostSamples = 20

    /// The text at `now`. Call it at regular intervals.
    mutating func text(_ progress: StreamProgress, at now: ContinuousClock.Instant) -> String {
        samples.append((now, progress))
        if samples.count > Self.mostSamples { samples.removeFirst() }
        let first = samples[0]
        let seconds = first.time.duration(to: now) / .seconds(1)
        let bytes = progress.bytesAnswered - first.progress.bytesAnswered
        let lines = progress.linesAnswered - first.progress.linesAnswered
        let rate = seconds > 0 ? Double(bytes) / seconds : 0

        var parts = [Self.size(progress.bytesAnswered)]
        if let size, size > 0 {
            let share = min(100, 100 * Double(progress.bytesAnswered) / Double(size))
            parts[0] += " of \(Self.size(size)) (\(Int(share))%)"
        }
        if seconds > 0 {
            parts.append("\(Self.size(Int(rate)))/s")
            parts.append("\(Self.grouped(Int(Double(lines) / seconds))) lines/s")
        }
        if let size, rate > 0 {
            let left = Double(max(0, size - progress.bytesAnswered)) / rate
            if left < 1_000_000 { parts.append("\(Self.time(Int(left.rounded(.up)))) left") }
        }
        if progress.reconnects > 0 {
            parts.append("\(progress.reconnects) reconnect\(progress.reconnects == 1 ? "" : "s")")
        }
        return parts.joined(separator: ", ")
    }

    static func size(_ bytes: Int) -> String {
        var value = Double(bytes)
        for unit in ["B", "KiB", "MiB", "GiB"] {
            if value < 1024 { return unit == "B" ? "\(bytes) B" : "\(tenths(value)) \(unit)" }
            value /= 1024
        }
        return "\(tenths(value)) TiB"
    }

    static func time(_ seconds: Int) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let minutes = seconds / 60
        return minutes < 60
            ? "\(minutes):\(two(seconds % 60))" : "\(minutes / 60):\(two(minutes % 60)):\(two(seconds % 60))"
    }

    static func grouped(_ number: Int) -> String {
        var digits = Array(String(number))
        for place in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(",", at: place) }
        return String(digits)
    }

    private static func tenths(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded(.down))
        return "\(tenths / 10).\(tenths % 10)"
    }
}
