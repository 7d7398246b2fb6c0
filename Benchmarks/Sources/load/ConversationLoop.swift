import CLoad
import Glibc

/// The share of one thread in a run of long connections: closed loop or open loop.
struct ConversationLoop {
    /// When the next line is sent.
    enum Pace: Sendable {
        /// When an answer arrives: each client keeps this many lines in flight.
        case closed(inFlight: Int)
        /// At a fixed interval in nanoseconds, with or without answers. Latency counts from the due time of a line, so that a
        /// stall of the server also counts for the lines that could not be sent meanwhile.
        case open(interval: Double)
    }

    /// How long to wait for missing answers when the window has closed.
    private static let drainTime: UInt64 = 3_000_000_000

    private let script: Script
    private let pace: Pace
    private let window: Window
    private let began = now()
    private var meter: Meter
    private var record = Record()
    private var conversations: [Conversation] = []
    private var wantsWrite: [Bool]
    private let poller: Poller
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
    /// Closed loop: when each line in flight was sent, a ring for each client.
    private var sendTimes: [Instant]
    private var due = 0  // open loop: lines that were due since the beginning

    init(sockets: [Int32], script: Script, pace: Pace, window: Window, server: pid_t?) throws(Failure) {
        self.script = script
        self.pace = pace
        self.window = window
        meter = Meter(window: window, server: server)
        poller = try Poller()
        for (index, socket) in sockets.enumerated() {
            conversations.append(Conversation(socket: socket, firstLine: index * 7, script: script))
            try poller.add(socket, token: index)
        }
        wantsWrite = Array(repeating: false, count: sockets.count)
        if case .closed(let inFlight) = pace {
            sendTimes = Array(repeating: 0, count: sockets.count * inFlight)
        } else {
            sendTimes = []
        }
        // If another block is always in flight, wake for a whole block and not for each piece of it.
        if case .closed(2...) = pace, script.blockSize > 0 { wake(from: min(script.blockSize, 65_536)) }
    }

    mutating func run() throws(Failure) -> Record {
        defer { buffer.deallocate() }
        cload_exact_timers()
        if case .closed(let inFlight) = pace {
            for client in conversations.indices { try allow(inFlight, client: client, at: now()) }
        }
        var instant = now()
        while instant < window.closes {
            try sendDueLines(at: instant)
            try serve(until: nextDeadline())
            instant = now()
            meter.look(at: instant, record: &record)
        }
        try drain()
        record.answeredInAll = conversations.reduce(0) { $0 + $1.answered }
        record.unanswered = conversations.reduce(0) { $0 + $1.allowed - $1.answered }
        return record
    }

    private func nextDeadline() -> Instant {
        guard case .open(let interval) = pace else { return window.closes }
        return min(window.closes, dueTime(of: due, interval: interval))
    }

    private func dueTime(of line: Int, interval: Double) -> Instant {
        began + UInt64(Double(line) * interval)
    }

    private mutating func sendDueLines(at instant: Instant) throws(Failure) {
        guard case .open(let interval) = pace else { return }
        while dueTime(of: due, interval: interval) <= instant {
            try allow(1, client: due % conversations.count, at: instant)
            due += 1
        }
    }

    private mutating func allow(_ lines: Int, client: Int, at instant: Instant) throws(Failure) {
        if case .closed(let inFlight) = pace {
            for line in conversations[client].allowed..<(conversations[client].allowed + lines) {
                sendTimes[client * inFlight + line % inFlight] = instant
            }
        }
        conversations[client].allow(lines, script: script)
        try flush(client)
    }

    private mutating func flush(_ client: Int) throws(Failure) {
        try conversations[client].flush(script: script)
        let blocked = conversations[client].unsent > 0
        if blocked != wantsWrite[client] {
            wantsWrite[client] = blocked
            try poller.modify(conversations[client].socket, token: client, writable: blocked)
        }
    }

    private mutating func serve(until deadline: Instant) throws(Failure) {
        let count = poller.wait(until: deadline)
        for index in 0..<count {
            let client = poller.token(index)
            let before = conversations[client].answered
            let completed = try conversations[client].receive(into: buffer, script: script)
            if completed > 0 {
                let instant = now()
                note(before..<before + completed, client: client, at: instant)
                if case .closed = pace, instant < window.closes {
                    try allow(completed, client: client, at: instant)
                }
            }
            if wantsWrite[client] { try flush(client) }
        }
    }

    private mutating func note(_ lines: Range<Int>, client: Int, at instant: Instant) {
        for line in lines {
            switch pace {
            case .closed(let inFlight):
                guard window.contains(instant) else { return }
                record.note(latency: instant - sendTimes[client * inFlight + line % inFlight])
            case .open(let interval):
                let dueTime = dueTime(of: line * conversations.count + client, interval: interval)
                guard window.contains(dueTime) else { continue }
                record.note(latency: instant - dueTime)
            }
        }
        record.bytes += lines.count * script.bytes / script.lines
    }

    private func wake(from bytes: Int32) {
        for conversation in conversations { cload_readable_from(conversation.socket, bytes) }
    }

    /// Waits for the answers that have not arrived yet: none may be lost.
    private mutating func drain() throws(Failure) {
        wake(from: 1)
        let deadline = window.closes + Self.drainTime
        while now() < deadline, conversations.contains(where: { $0.answered < $0.allowed }) {
            try serve(until: deadline)
        }
    }
}
