import Glibc
import World

/// What a client does.
enum Behaviour: CaseIterable {
    /// Sends lines, reads at once, half-closes, reads to the end.
    case polite
    /// Waits for each answer.
    case oneByOne
    /// Reads little and seldom.
    case slowReader
    /// Sends as much as it can, and never reads.
    case neverReads
    /// Sends everything before it reads anything.
    case readsLater
    /// Says nothing.
    case silent
    /// Sends a few bytes at a time, and perhaps no end of the line.
    case dribbler
    /// Sends no end of the line at all.
    case endless
    /// Connects, and closes or resets at once.
    case fleeting
    /// Resets the connection at some time.
    case resetter
    /// Ends the connection with `quit`, and goes on sending.
    case quitter
    /// Stops at some time, without closing the connection.
    case vanishing
    /// Sends many short lines.
    case busy
    /// Ends the connection with `quit`, and then sends more than the server discards. Rare, because it takes long.
    case flooder

    static let usual = allCases.filter { $0 != .flooder }
}

/// A client. It acts at random times.
final class Client {
    let peer: Peer
    let behaviour: Behaviour
    private let world: World
    private var input: [UInt8]
    private var written = 0
    private var isEnding = false
    private var isOver = false
    private let pace: Int
    private var actions = 0
    private let headerCount: Int

    init(_ world: World, _ peer: Peer, longestLine: Int) {
        self.world = world
        self.peer = peer
        behaviour = world.random.oneIn(2000) ? .flooder : world.random.pick(Behaviour.usual)
        pace = behaviour == .flooder ? 100 : world.random.pick([100, 1000, 5000, 30_000])
        let lines = Self.input(behaviour, longestLine, &world.random)
        if let listener = peer.listener, ProxyHeaders.isExpected(at: listener) {
            let (header, plan) = ProxyHeaders.make(from: peer.address, &world.random)
            peer.socket.account.plan = plan
            headerCount = header.count
            // Some send only a part of it.
            input =
                world.random.oneIn(8)
                ? Array(header.prefix(world.random.below(header.count))) : header + lines
        } else {
            headerCount = 0
            input = lines
        }
        world.count("\(behaviour)")
        world.trace("client \(peer.id) is \(behaviour), has \(input.count) bytes to send")
        schedule()
    }

    private static func input(_ behaviour: Behaviour, _ longest: Int, _ random: inout Random) -> [UInt8] {
        let lines =
            switch behaviour {
            case .silent, .fleeting, .flooder: 0
            case .endless: 1
            case .busy: random.within(50...400)
            default: random.oneIn(8) ? random.within(20...200) : random.within(0...12)
            }
        let scale = random.pick([3, 20, 20, 200, 3000])
        var input = behaviour == .flooder ? Array("quit\n".utf8) : []
        for line in 0..<lines {
            // Lines around the limits of the session and of the connection's buffers.
            var length =
                random.oneIn(20)
                ? max(0, random.pick([longest, 4096, 16 << 10, 64 << 10, 128 << 10]) + random.within(-2...2))
                : random.below(scale)
            if length > longest, !random.oneIn(4) { length = random.below(longest) }
            if behaviour == .endless { length = longest * 2 + 10_000 }
            let first = UInt8(truncatingIfNeeded: random.below(200) + 33)
            var byte = first == 10 ? 11 : first
            for _ in 0..<length {
                input.append(byte)
                byte = byte &+ 7 == 10 ? 11 : byte &+ 7
            }
            if behaviour == .quitter, line == lines / 2 { input += Array("\nquit".utf8) }
            if line < lines - 1 || random.oneIn(2) { input.append(10) }
        }
        return input
    }

    private func schedule() {
        guard !isOver else { return }
        let pause = world.random.oneIn(40) ? world.random.below(2_000_000) : world.random.below(pace)
        world.scheduler.after(Nanoseconds(pause + 1) * 1000) { [self] in act() }
    }

    private func act() {
        actions += 1
        guard !isOver else { return }
        if peer.isReset || peer.sawEnd && (behaviour != .flooder || isEnding) {
            // It may notice only after it has read everything.
            _ = peer.read(.max)
            return end()
        }
        switch behaviour {
        case .silent:
            if world.random.oneIn(50) { return leave() }
            read(.max)
        case .fleeting:
            return leave()
        case .resetter where world.random.oneIn(12):
            return reset()
        case .vanishing where world.random.oneIn(12):
            return end()
        case .neverReads:
            write(world.random.pick([1, 100, 5000]))
        case .slowReader:
            write(world.random.pick([100, 5000, 100_000]))
            if world.random.oneIn(4) { read(world.random.pick([1, 10, 1000])) }
        case .readsLater:
            if written < input.count { write(10_000) } else { read(world.random.pick([100, 10_000])) }
        case .dribbler:
            write(world.random.within(1...3))
            read(.max)
        case .oneByOne:
            if peer.readCount + peer.waitingInput + min(written, headerCount) >= written { writeLine() }
            read(.max)
        default:
            write(world.random.pick([1, 7, 100, 5000, 100_000]))
            read(world.random.pick([1, 100, .max]))
        }
        if written >= input.count, !isEnding { behaviour == .flooder ? flood() : finish() }
        if actions > 5000 { return reset() }
        schedule()
    }

    private func write(_ most: Int) {
        let count = min(most, peer.space, input.count - written)
        guard count > 0 else { return }
        peer.write(Array(input[written..<written + count]))
        written += count
    }

    private func writeLine() {
        guard written < input.count else { return }
        let end = input[written...].firstIndex(of: 10) ?? input.count - 1
        write(end + 1 - written)
    }

    private func read(_ most: Int) { _ = peer.read(most) }

    private func flood() {
        peer.flood(1 << 20)
        if peer.writtenCount > 80 << 20 { isEnding = true }
    }

    /// Everything is sent.
    private func finish() {
        isEnding = true
        // Many stay, and leave the end to the server.
        if behaviour != .silent, !world.random.oneIn(4) { peer.finish() }
    }

    private func leave() { world.random.oneIn(2) ? reset() : close() }

    private func reset() {
        world.trace("client \(peer.id) resets")
        peer.abort(world.random.pick([ECONNRESET, ECONNRESET, ETIMEDOUT, EHOSTUNREACH]))
        end()
    }

    private func close() {
        world.trace("client \(peer.id) closes")
        peer.finish()
        end()
    }

    private func end() {
        isOver = true
        peer.isGone = true
    }
}
