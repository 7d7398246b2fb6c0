import CLoad
import Glibc

/// The share of one thread in a run of short connections: connect, one line, one answer, close, and again.
struct ConnectLoop {
    private struct Slot {
        var conversation: Conversation
        var began: Instant
    }

    private let script: Script
    private let window: Window
    private let connecting: Connecting
    private var meter: Meter
    private var record = Record()
    private let poller: Poller
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
    private var slots: [Slot] = []
    private var exchanges = 0
    private let clients: Int

    init(clients: Int, script: Script, connecting: Connecting, window: Window, server: pid_t?) throws(Failure)
    {
        self.script = script
        self.window = window
        self.connecting = connecting
        self.clients = clients
        meter = Meter(window: window, server: server)
        poller = try Poller()
    }

    mutating func run() throws(Failure) -> Record {
        defer { buffer.deallocate() }
        for _ in 0..<clients { slots.append(try begin(slot: slots.count)) }
        var instant = now()
        while instant < window.closes {
            try serve(until: window.closes)
            instant = now()
            meter.look(at: instant, record: &record)
        }
        for slot in slots { close(slot.conversation.socket) }
        record.answeredInAll = exchanges - clients
        return record
    }

    private mutating func begin(slot: Int) throws(Failure) -> Slot {
        let began = now()
        let socket = try connecting.short(exchanges)
        var conversation = Conversation(socket: socket, firstLine: exchanges, script: script)
        exchanges += 1
        conversation.allow(1, script: script)
        try conversation.flush(script: script)
        guard conversation.unsent == 0 else {
            throw Failure("a line of this length does not fit into a fresh socket")
        }
        try poller.add(socket, token: slot)
        return Slot(conversation: conversation, began: began)
    }

    private mutating func serve(until deadline: Instant) throws(Failure) {
        let count = poller.wait(until: deadline)
        for index in 0..<count {
            let slot = poller.token(index)
            guard try slots[slot].conversation.receive(into: buffer, script: script) > 0 else { continue }
            let instant = now()
            if window.contains(instant) {
                record.note(latency: instant - slots[slot].began)
                record.bytes += script.bytes / script.lines
            }
            close(slots[slot].conversation.socket)  // which also removes it from the epoll set
            slots[slot] = try begin(slot: slot)
        }
    }
}
