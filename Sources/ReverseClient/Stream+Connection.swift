import Glibc
import Sockets

/// The connection to the server: connecting, sending, receiving and reconnecting.
extension Stream {
    /// Makes all progress that is possible without waiting. Returns false if there was none.
    func moveConnection() throws(ClientError) -> Bool {
        switch transport.phase {
        case .idle:
            guard let connectAt, now() >= connectAt else {
                // After a connection ended with nothing outstanding, the next one is opened when it is needed.
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
            // The timeout does not run while nothing is outstanding or the output is full.
            let isIdle = !exchange.awaitsAnswer && !exchange.isAnswered
            if moved || isIdle || exchange.answerCapacity == 0 { lastMove = now() }
            return moved
        }
    }

    private func attempt(_ body: () throws(Transport.ConnectFailure) -> Void) throws(ClientError) {
        do {
            try body()
            if transport.phase == .open { handleConnected() }
        } catch {
            try handleLoss(
                .cannotConnect(reason: error.reason, advice: error.advice),
                isTemporary: error.isTemporary
            )
        }
    }

    func handleConnected() {
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
        unsafe exchange.giveUnsent { bytes in
            outcome = unsafe transport.send(bytes)
            guard case .bytes(let count) = outcome else { return 0 }
            readiness.send = count == bytes.count
            return count
        }
        switch outcome {
        case .bytes:
            lastSend = now()
            // While there is more to send, poll(2) is not called, so check for answers after every block.
            readiness.receive = true
            return true
        case .blocked, .ended: readiness.send = false
        // Answers may have arrived before the connection broke. Read them first; then read reports the end.
        case .failed:
            readiness.send = false
            readiness.receive = true
        }
        return false
    }

    private func receive() throws(ClientError) -> Bool {
        guard readiness.receive, exchange.answerCapacity > 0 else { return false }
        guard refusal.isPassed else { return try receiveProbe() }
        let answeredBefore = exchange.linesAnswered
        var outcome = Transport.Outcome.blocked
        do throws(Exchange.Mismatch) {
            try unsafe exchange.takeAnswers { space in
                outcome = unsafe transport.receive(into: space)
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
        case .ended: try handleLoss(.closedEarly(reason: ""), isTemporary: true)
        case .failed(let failure): try handleLoss(.closedEarly(reason: failure.reason), isTemporary: true)
        }
        return true
    }
}

// MARK: - The empty line that distinguishes a refusal from a loss

extension Stream {
    private func sendProbe() -> Bool {
        guard refusal.probe == .due else { return false }
        let lineFeed: [UInt8] = [0x0A]
        guard case .bytes = unsafe lineFeed.withUnsafeBytes({ unsafe transport.send($0) }) else {
            readiness.send = false
            readiness.receive = true
            return false
        }
        refusal.probeSent()
        return true
    }

    private func receiveProbe() throws(ClientError) -> Bool {
        var byte: UInt8 = 0
        switch unsafe withUnsafeMutableBytes(of: &byte, { unsafe transport.receive(into: $0) }) {
        case .bytes:
            guard refusal.probe == .awaited, byte == 0x0A else {
                throw error(.wrongAnswer(.unasked(afterLine: exchange.linesAnswered)))
            }
            refusal.probeAnswered()
        case .blocked:
            readiness.receive = false
            return false
        case .ended: try handleLoss(.closedEarly(reason: ""), isTemporary: true)
        case .failed(let failure): try handleLoss(.closedEarly(reason: failure.reason), isTemporary: true)
        }
        return true
    }
}

// MARK: - Reconnecting

extension Stream {
    /// If the server closes the connection later than this after the last byte was sent, that byte was not the reason.
    private static let idleGap = Duration.milliseconds(250)

    /// Handles a lost connection or a failed attempt: schedules a retry or throws.
    func handleLoss(_ reason: ClientError.Reason, isTemporary: Bool) throws(ClientError) {
        let wasOpen = transport.phase == .open
        let line = exchange.linesAnswered + 1
        let sent = exchange.oldestLineSent
        // Nothing was outstanding, and everything was sent long ago, so the server closed an idle connection.
        let wasIdle =
            wasOpen && !exchange.awaitsAnswer && !exchange.hasUnsent && now() - lastSend > Self.idleGap
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
        // A server may close a connection on which nothing is outstanding, for instance because it is idle.
        if wasOpen && !exchange.needsConnection { return }
        if wasOpen { progress.reconnects += 1 }
        guard isTemporary else { throw error(reason) }
        switch retry.lost(at: now(), chance: chance()) {
        case .again(let pause):
            connectAt = now() + pause
            observer?.streamLost(reason, tryingAgainAfter: pause)
        case .giveUp(let tried):
            // There was no time to confirm it, but the server probably refuses the line.
            if case .closedEarly = reason, refusal.isSuspected {
                throw error(.lineRefused(line: line, sent: sent), retriedFor: tried)
            }
            throw error(reason, retriedFor: tried)
        }
    }

    /// Handles an expired deadline. Returns false if none has expired.
    func expire(at instant: ContinuousClock.Instant) throws(ClientError) -> Bool {
        guard let deadline = connectionDeadline, instant >= deadline else { return false }
        if transport.phase == .lookingUp {
            try handleLoss(.nameServiceSilent(options.timeout), isTemporary: true)
        } else if transport.phase == .open && exchange.isAnswered {
            try handleLoss(.closedEarly(reason: ""), isTemporary: true)
        } else {
            try handleLoss(.timedOut(options.timeout), isTemporary: true)
        }
        return true
    }

    /// When the current state of the connection times out; nil if it does not.
    var connectionDeadline: ContinuousClock.Instant? {
        let limit: ContinuousClock.Instant? = options.timeout > .zero ? lastMove + options.timeout : nil
        switch transport.phase {
        case .idle: return nil
        case .lookingUp, .connecting: return limit
        case .open:
            if exchange.isAnswered { return lastMove + Self.grace }
            return exchange.awaitsAnswer && exchange.answerCapacity > 0 ? limit : nil
        }
    }

    /// The events to poll the socket for.
    var connectionEvents: Int16 {
        switch transport.phase {
        case .idle, .lookingUp, .connecting: return 0
        case .open:
            // While the output is full, received bytes (or the end) wait.
            if exchange.answerCapacity == 0 && readiness.receive { return 0 }
            let receive = exchange.answerCapacity > 0 ? POLLIN : 0
            let send = refusal.isPassed ? exchange.hasUnsent : refusal.probe == .due
            return Int16(receive | (send ? POLLOUT : 0))
        }
    }

    func recordReadiness(_ events: Int16) {
        let broken = events & Int16(POLLERR | POLLHUP) != 0
        if events & Int16(POLLOUT) != 0 { readiness.send = true }
        if events & Int16(POLLIN) != 0 || broken { readiness.receive = true }
    }
}
