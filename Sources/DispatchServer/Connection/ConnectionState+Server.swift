extension ConnectionState {
    /// Whether `tick` would end a client for a missing request. Then receive first: the request may have arrived in time while the
    /// process was stopped or the machine busy.
    func isOverdue(_ timeouts: Timeouts, now: Milliseconds) -> Bool {
        guard case .serving(remaining: nil) = phase else { return false }
        var future = self
        return future.tick(timeouts, untaken: { 0 }, now: now) != .nothing
    }

    /// Checks the timeouts.
    ///
    /// - Parameter untaken: Returns how many sent bytes are unacknowledged. Called only if it matters.
    mutating func tick(_ timeouts: Timeouts, untaken: () -> Int, now: Milliseconds) -> Action {
        if isParked { return .nothing }
        let isIdle = timeouts.idle.map { now > lastProgress &+ $0 } ?? false
        switch phase {
        case .serving:
            let isFirstLate = timeouts.firstRequest.map { now > connectedAt &+ $0 } ?? false
            if requests == 0, isFirstLate { return finish(.timedOut(\.firstRequestTimeout), now) }
            return isIdle ? finish(.timedOut(\.idleTimeout), now) : .nothing
        case .sending(var sending):
            guard isIdle else { return .nothing }
            // The socket's buffer is large: a client may be reading although the buffer takes no more yet.
            let left = untaken()
            guard left < sending.untaken else { return close(.timedOut(\.idleTimeout)) }
            sending.untaken = left
            lastProgress = now
            phase = .sending(sending)
            return .nothing
        case .lingering(var lingering):
            guard now > lingering.until else { return .nothing }
            let left = untaken()
            guard left > 0, left < lingering.untaken,
                now < lingering.since &+ timeouts.drain
            else { return close(lingering.reason) }
            lingering.untaken = left
            lingering.until = now &+ Self.lingerTimeout
            phase = .lingering(lingering)
            return .nothing
        case .closed:
            return .nothing
        }
    }

    /// The server is stopping. Bytes that have arrived by now are answered, later ones are not.
    ///
    /// - Parameter arrived: How many bytes wait to be received. Evaluated only if the socket is still open.
    /// - Returns: Nil if a new client still has time to send its first request: call again.
    mutating func drain(arrived: @autoclosure () -> Int, now: Milliseconds) -> Action? {
        if isParked { return nil }
        switch phase {
        case .serving(remaining: nil):
            let arrived = arrived()
            if arrived == 0, requests == 0, now < connectedAt &+ Self.firstRequestGrace { return nil }
            phase = .serving(remaining: arrived)
            return arrived == 0 ? .checkForEndOfFile : .nothing
        case .sending(var sending) where sending.next == .serve(remaining: nil):
            sending.next = .serve(remaining: arrived())
            phase = .sending(sending)
            return .nothing
        case .serving, .sending, .lingering, .closed:
            return .nothing
        }
    }

    /// Ends the connection, because others wait for its memory.
    mutating func giveUpMemory(now: Milliseconds) -> Action {
        if isParked { return .nothing }
        return switch phase {
        case .serving: finish(.memoryUsedUp, now)
        case .sending: close(.memoryUsedUp)
        case .lingering, .closed: .nothing
        }
    }

    /// The drain timeout is over.
    mutating func abort() -> Action {
        switch phase {
        case .closed: .nothing
        case .lingering(let lingering): close(lingering.reason)
        case .serving, .sending: close(.drainTimeout)
        }
    }
}
