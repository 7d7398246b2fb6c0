import Dispatch
import Glibc
import Sockets
import Synchronization

extension Server {
    /// How long to wait for connections that are being served, until all are parked.
    private static var parkingTime: Milliseconds { 1000 }
    /// How long connections that cannot be handed over may take to end. The others wait for them.
    private static var endingTime: Milliseconds { 1000 }

    /// Stops serving without ending the connections: stops accepting, answers every complete request that has arrived, as far as
    /// the clients take the answers, and puts the connections into a socket for another process.
    ///
    /// A connection that cannot be handed over is ended as in a stop, within a second. Listening sockets stay open, and new
    /// clients wait in their backlogs.
    ///
    /// Then pass on `HandOver.descriptor`, call `HandOver.isKept()`, and call ``finish(_:)`` if it is kept, or
    /// ``takeBack(_:)`` if not.
    ///
    /// - Parameter completion: Called once. Gets nil if there are connections and none can be handed over, or if the server is
    ///   stopping. Then the server continues to serve.
    public func handOver(_ completion: @escaping @Sendable (HandOver?) -> Void) {
        core.control.async { [self] in
            guard beginHandOver() else { return completion(nil) }
            listeners.hold()
            park(until: Clock.now() &+ Self.parkingTime, completion)
        }
    }

    /// Reserves the server for a hand-over; false when it is stopping already.
    private func beginHandOver() -> Bool {
        state.withLock { state in
            guard !state.isDraining, !state.isHandingOver else { return false }
            state.isHandingOver = true
            return true
        }
    }

    private func endHandOver() { state.withLock { $0.isHandingOver = false } }

    /// Another process has the connections: closes their descriptors here. The clients do not notice.
    public func finish(_ handOver: HandOver) {
        for connection in handOver.parked { connection.closeAfterHandOver() }
    }

    /// No process has taken the connections: the server continues to serve them.
    public func takeBack(_ handOver: HandOver) {
        core.control.async { [self] in
            core.connections.putBack(handOver.parked)
            resume(handOver.parked)
        }
    }

    /// Parks every connection, and tries those again that are being served at this moment.
    ///
    /// - Parameter isLast: Whether this attempt is the last one. Connections that are being served then are not handed over.
    private func park(
        until deadline: Milliseconds,
        isLast: Bool = false,
        _ completion: @escaping @Sendable (HandOver?) -> Void
    ) {
        let now = Clock.now()
        if isLast { listeners.hold(leavingToo: true) }
        // Asked before the connections are listed, so that no client is missed: a leaving listener accepts until it is closed.
        let mayAccept = listeners.areLeaving && !isLast
        let all = Array(core.connections.all)
        let busy = core.workers.withWorker { worker in all.count { !$0.park(worker, now: now) } }
        guard !mayAccept, busy == 0 || isLast else {
            // One more attempt after the deadline: the process may have been stopped since the last one.
            return core.later(1) { self.park(until: deadline, isLast: now > deadline, completion) }
        }
        pass(all, completion)
    }

    private func pass(_ all: [Connection], _ completion: @escaping @Sendable (HandOver?) -> Void) {
        // Descriptors in flight count against the soft limit.
        DescriptorLimit.raiseSoftLimit(by: all.count + all.count / HandOverMessage.most + 1)
        let lastNumber = core.connections.lastNumber
        let made = core.workers.withWorker { worker in
            Result { () throws(SystemError) in try HandOverBatch(all, lastNumber: lastNumber, worker) }
        }
        let batch: HandOverBatch
        do throws(SystemError) {
            batch = try made.get()
        } catch {
            core.log.warn("\(error): no connection is handed over")
            resume(all)
            return completion(nil)
        }
        if let failure = batch.failure {
            core.log.warn("\(failure): \(all.count - batch.sent.count) connections are not handed over")
        }
        // Even without connections: the socket shows whether the store works. Closed connections are still listed until their
        // cancel handlers have run.
        guard !batch.sent.isEmpty || all.allSatisfy(\.isClosed) else {
            resume(all)
            return completion(nil)
        }
        core.connections.setAside(batch.sent)
        let left = core.connections.all.filter { !$0.isClosed }
        let handOver = HandOver(batch, ended: left.count)
        guard !left.isEmpty else { return completion(handOver) }
        let end = Once { completion(handOver) }
        resumeConnections(left)
        core.connections.whenEmpty { [core] in core.control.async { end.call() } }
        core.drain(left)
        core.later(Self.endingTime) { [core] in
            _ = core.abort(left)
            end.call()
        }
    }

    private func resume(_ connections: [Connection]) {
        resumeConnections(connections)
        listeners.release()
        endHandOver()
    }

    private func resumeConnections(_ connections: [Connection]) {
        let now = Clock.now()
        core.workers.withWorker { worker in
            for connection in connections { connection.resume(worker, now: now) }
        }
    }

    // MARK: - Taking over

    /// Continues the connections of the previous process. Call it before `start`.
    ///
    /// Connections above `maximumConnections` are served, too. New clients wait until there are fewer.
    ///
    /// - Parameters:
    ///   - descriptors: The stored duplicates of `HandOver.descriptor`, owned by the server from now on. Their content is not
    ///     trusted.
    ///   - completion: Called once all are served or ended.
    public func takeOver(
        from descriptors: [Int32],
        _ completion: @escaping @Sendable (TakeOverReport) -> Void
    ) {
        core.control.async { [self] in
            let begin = Clock.nanoseconds(CLOCK_MONOTONIC)
            var takeOver = TakeOver(
                core,
                makeDescriptors: makeDescriptors(forConnections:),
                restore: restoreSession
            )
            for number in descriptors { takeOver.receive(from: Descriptor(owning: number)) }
            takeOver.start()
            var report = takeOver.report
            report.duration = .nanoseconds(Int64(clamping: Clock.nanoseconds(CLOCK_MONOTONIC) &- begin))
            completion(report)
        }
    }
}
