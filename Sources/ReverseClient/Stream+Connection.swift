import Glibc
import Sockets

/// The stream's side towards the server: connecting, sending, receiving, losing and finding again.
extension Stream {
    /// Moves the connection on as far as it goes without waiting; false when nothing moved.
    func moveConnection() throws(ClientError) -> Bool {
        switch transport.phase {
        case .idle:
            guard let connectAt, now() >= connectAt else {
                // A connection that ended while nothing was owed is made again when it is needed.
                if connectAt == nil, exchange.needsConnection {
                    self.connectAt = now()
                    return true
                }
                return false
            }
            self.connectAt = nil
            lastMove = now()
            try attempt { () throws(Transport.ConnectFailure) in try transport.connect(at: now()) }
            return true
        case .lookingUp, .connecting:
            let before = transport.phase
            try attempt { () throws(Transport.ConnectFailure) in try transport.advance(at: now()) }
            return transport.phase != before
        case .open:
            var moved = try send()
            moved = try receive() || moved
            // The clock stands still while nothing is owed, and while the answers may not come in.
            let mayRest = !exchange.isOwed && !exchange.isAnswered
            if moved || mayRest || exchange.answerRoom == 0 { lastMove = now() }
            return moved
        }
    }

    private func attempt(_ body: () throws(Transport.ConnectFailure) -> Void) throws(ClientError) {
        do {
            try body()
            if transport.phase == .open { opened() }
        } catch {
            try lost(.cannotConnect(reason: error.reason, advice: error.advice), mayPass: error.mayPass)
        }
    }

    func opened() {
        exchange.connectionOpened()
        refusal.connectionOpened()
        readiness.send = true
        readiness.receive = false
        lastMove = now()
    }

    private func send() throws(ClientError) -> Bool {
        guard readiness.send else { return false }
        guard refusal.isPassed else { return sendProbe() }
        guard exchange.hasUnsent else {
            if exchange.hasSentAll { transport.finishSending() }
            return false
        }
        var outcome = Transport.Outcome.blocked
        exchange.giveUnsent { bytes in
            outcome = transport.send(bytes)
            guard case .bytes(let count) = outcome else { return 0 }
            readiness.send = count == bytes.count
            return count
        }
        switch outcome {
        case .bytes:
            lastSend = now()
            // While there is more to send nobody asks poll(2), so the answers are looked for after every block.
            readiness.receive = true
            return true
        case .blocked, .ended: readiness.send = false
        // Answers may have come before the connection broke: they are read first, and tell the end.
        case .failed:
            readiness.send = false
            readiness.receive = true
        }
        return false
    }

    private func receive() throws(ClientError) -> Bool {
        guard readiness.receive, exchange.answerRoom > 0 else { return false }
        guard refusal.isPassed else { return try receiveProbe() }
        let answeredBefore = exchange.linesAnswered
        var outcome = Transport.Outcome.blocked
        do throws(Exchange.Mismatch) {
            try exchange.takeAnswers { space in
                outcome = transport.receive(into: space)
                guard case .bytes(let count) = outcome else { return 0 }
                readiness.receive = count == space.count
                return count
            }
        } catch {
            throw self.error(.wrongAnswer(error))
        }
        if exchange.linesAnswered > answeredBefore {
            retry.progressed()
            refusal.progressed()
        }
        switch outcome {
        case .bytes: return true
        case .blocked:
            readiness.receive = false
            return false
        case .ended: try lost(.closedEarly(reason: ""), mayPass: true)
        case .failed(let failure): try lost(.closedEarly(reason: failure.reason), mayPass: true)
        }
        return true
    }
}

// MARK: - The empty line that distinguishes a refusal from a loss

extension Stream {
    private func sendProbe() -> Bool {
        guard refusal.probe == .due else { return false }
        let lineFeed: [UInt8] = [0x0A]
        guard case .bytes = lineFeed.withUnsafeBytes({ transport.send($0) }) else {
            readiness.send = false
            readiness.receive = true
            return false
        }
        refusal.probeSent()
        return true
    }

    private func receiveProbe() throws(ClientError) -> Bool {
        var byte: UInt8 = 0
        switch withUnsafeMutableBytes(of: &byte, { transport.receive(into: $0) }) {
        case .bytes:
            guard refusal.probe == .awaited, byte == 0x0A else {
                throw error(.wrongAnswer(.unasked(afterLine: exchange.linesAnswered)))
            }
            refusal.probeAnswered()
        case .blocked:
            readiness.receive = false
            return false
        case .ended: try lost(.closedEarly(reason: ""), mayPass: true)
        case .failed(let failure): try lost(.closedEarly(reason: failure.reason), mayPass: true)
        }
        return true
    }
}

// MARK: - Losing and finding again

extension Stream {
    /// A server that ends a connection this long after the last byte was sent did not do so because of that byte.
    private static let idleGap = Duration.milliseconds(250)

    /// The connection is gone, or did not come about: decides whether that is the end.
    func lost(_ reason: ClientError.Reason, mayPass: Bool) throws(ClientError) {
        let wasOpen = transport.phase == .open
        let line = exchange.linesAnswered + 1
        let sent = exchange.oldestLineSent
        // Nothing was owed, and what there was had been sent long before: the server was tired of waiting.
        let wasIdle = wasOpen && !exchange.isOwed && !exchange.hasUnsent && now() - lastSend > Self.idleGap
        transport.close()
        readiness.send = false
        readiness.receive = false
        exchange.connectionEnded()
        if exchange.inputEnded && exchange.bytesAnswered == exchange.bytesAccepted { return }

        if wasOpen && !wasIdle {
            if case .closedEarly = reason, refusal.connectionLost(sent: sent) {
                throw error(.lineRefused(line: line, sent: sent))
            }
        }
        // A server may end a conversation in which it owes nothing, for instance because it is idle.
        if wasOpen && !exchange.needsConnection { return }
        if wasOpen { progress.reconnects += 1 }
        guard mayPass else { throw error(reason) }
        switch retry.lost(at: now(), chance: chance()) {
        case .again(let pause):
            connectAt = now() + pause
            observer?.streamLost(reason, tryingAgainAfter: pause)
        case .giveUp(let tried):
            // There was no time for the proof, but this is what it looks like.
            if case .closedEarly = reason, refusal.isSuspected {
                throw error(.lineRefused(line: line, sent: sent), retriedFor: tried)
            }
            throw error(reason, retriedFor: tried)
        }
    }

    /// Acts on a time that has passed; false when there was none.
    func expire(at instant: ContinuousClock.Instant) throws(ClientError) -> Bool {
        guard let deadline = connectionDeadline, instant >= deadline else { return false }
        if transport.phase == .lookingUp {
            try lost(.nameServiceSilent(options.timeout), mayPass: true)
        } else if transport.phase == .open && exchange.isAnswered {
            try lost(.closedEarly(reason: ""), mayPass: true)
        } else {
            try lost(.timedOut(options.timeout), mayPass: true)
        }
        return true
    }

    /// When the present state of the connection has lasted too long; nil when it may last.
    var connectionDeadline: ContinuousClock.Instant? {
        let limit: ContinuousClock.Instant? = options.timeout > .zero ? lastMove + options.timeout : nil
        switch transport.phase {
        case .idle: return nil
        case .lookingUp, .connecting: return limit
        case .open:
            if exchange.isAnswered { return lastMove + Self.grace }
            return exchange.isOwed && exchange.answerRoom > 0 ? limit : nil
        }
    }

    /// What to wait for on the socket.
    var connectionEvents: Int16 {
        switch transport.phase {
        case .idle, .lookingUp, .connecting: return 0
        case .open:
            // While the output is stopped, what has come (or the end) waits, and so does the rest.
            if exchange.answerRoom == 0 && readiness.receive { return 0 }
            let receive = exchange.answerRoom > 0 ? POLLIN : 0
            let send = refusal.isPassed ? exchange.hasUnsent : refusal.probe == .due
            return Int16(receive | (send ? POLLOUT : 0))
        }
    }

    func connectionReady(_ events: Int16) {
        let broken = events & Int16(POLLERR | POLLHUP) != 0
        if events & Int16(POLLOUT) != 0 { readiness.send = true }
        if events & Int16(POLLIN) != 0 || broken { readiness.receive = true }
    }
}
