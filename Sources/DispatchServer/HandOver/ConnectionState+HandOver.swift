extension ConnectionState {
    /// Parks the connection for a hand-over. Bytes that have arrived by now are answered first, as far as the socket takes the
    /// answers: call `ready` while `isAnsweringForHandOver`.
    ///
    /// - Parameter arrived: How many bytes wait to be received; asked only of a socket that is still open.
    mutating func handOver(arrived: @autoclosure () -> Int) -> Action {
        guard handOver == .no else { return .nothing }
        switch phase {
        case .serving(remaining: nil):
            let arrived = arrived()
            guard arrived > 0 else { return park() }
            handOver = .answering
            phase = .serving(remaining: arrived)
            return .receive(atMost: arrived)
        case .sending(var sending) where sending.next == .serve(remaining: nil):
            handOver = .answering
            sending.next = .serve(remaining: arrived())
            phase = .sending(sending)
            return .send(sending.unsent)
        case .serving, .sending, .lingering:
            return park()
        case .closed:
            return .nothing
        }
    }

    /// Continues a parked connection, in this process or in the one that took it over.
    mutating func resume() -> Action {
        guard isParked else { return .nothing }
        handOver = .no
        return switch phase {
        case .serving, .lingering: .waitForInput
        case .sending: .waitForOutput
        case .closed: .nothing
        }
    }

    /// Ends a connection that was handed over and cannot be continued, as a stop would.
    mutating func refuseTakeOver(now: Milliseconds) -> Action {
        guard isParked else { return .nothing }
        handOver = .no
        return finish(.notTakenOver, now)
    }

    mutating func park() -> Action {
        handOver = .parked
        switch phase {
        case .serving:
            phase = .serving(remaining: nil)
        case .sending(var sending):
            if case .serve = sending.next { sending.next = .serve(remaining: nil) }
            phase = .sending(sending)
        case .lingering, .closed:
            break
        }
        return .park
    }
}
