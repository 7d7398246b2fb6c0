import Dispatch
import Glibc
import Sockets
import Synchronization

extension Server {
    /// How long connections that are just being served may take until they are parked.
    private static var parkingTime: Milliseconds { 1000 }
    /// How long conversations that cannot be handed over may take to their end: the others wait for it.
    private static var endingTime: Milliseconds { 1000 }

    /// Stops to serve without ending the conversations: accepts nobody, answers every complete request that has arrived, as
    /// far as the clients take the answers, and puts the conversations into a socket for another process.
    ///
    /// What cannot be handed over is ended as in a stop, within a second. Listening sockets stay as they are: who comes waits in
    /// their backlogs.
    ///
    /// Then pass on `HandOver.descriptor`, ask `HandOver.isKept()`, and call ``finish(_:)`` or, where nobody keeps it,
    /// ``takeBack(_:)``.
    ///
    /// - Parameter completion: Called once, with nil when there are conversations and none can be handed over, or the server is
    ///   stopping: then the server serves as before.
    public func handOver(_ completion: @escaping @Sendable (HandOver?) -> Void) {
        core.control.async { [self] in
            guard beginHandOver() else { return completion(nil) }
            listeners.hold()
            park(until: Clock.now() &+ Self.parkingTime, completion)
        }
    }

    /// The conversations belong to another process: this one lets go of them, which their clients do not notice.
    public func finish(_ handOver: HandOver) {
        for connection in handOver.parked { connection.letGo() }
    }

    /// Nobody keeps the conversations: the server goes on with them as before.
    public func takeBack(_ handOver: HandOver) {
        core.control.async { [self] in
            core.connections.putBack(handOver.parked)
            resume(handOver.parked)
        }
    }

    /// Parks every connection; those that are being served at this moment get a little time.
    private func park(until deadline: Milliseconds, _ completion: @escaping @Sendable (HandOver?) -> Void) {
        let all = core.connections.all
        let now = Clock.now()
        let busy = core.workers.withWorker { worker in all.count { !$0.park(worker, now: now) } }
        // A listener that a reload has closed may still accept those who were on their way to it.
        guard busy == 0, !listeners.areLeaving || now > deadline else {
            if now > deadline { return pass(all, completion) }
            return core.later(1) { self.park(until: deadline, completion) }
        }
        pass(all, completion)
    }

    private func pass(_ all: [Connection], _ completion: @escaping @Sendable (HandOver?) -> Void) {
        listeners.hold(leavingToo: true)
        // What is under way counts against the soft limit.
        DescriptorLimit.raiseSoftLimit(by: all.count + all.count / HandOverMessage.most + 1)
        let lastNumber = core.connections.lastNumber
        let made = core.workers.withWorker { worker in
            Result { () throws(SystemError) in try HandOverBatch(all, lastNumber: lastNumber, worker) }
        }
        let batch: HandOverBatch
        do throws(SystemError) {
            batch = try made.get()
        } catch {
            core.log.warn("\(error): no conversation is handed over")
            resume(all)
            return completion(nil)
        }
        if let failure = batch.failure {
            core.log.warn("\(failure): \(all.count - batch.sent.count) conversations are not handed over")
        }
        // Without connections there is still a socket, which says whether anybody keeps it.
        guard !batch.sent.isEmpty || all.isEmpty else {
            resume(all)
            return completion(nil)
        }
        core.connections.setAside(batch.sent)
        // Those that have ended by themselves may still be there for a moment.
        let left = core.connections.all.filter { !$0.isClosed }
        let handOver = HandOver(batch, ended: left.count)
        guard !left.isEmpty else { return completion(handOver) }
        let end = Once { completion(handOver) }
        resumeConnections(left)
        core.connections.whenEmpty { [core] in core.control.async { end.call() } }
        core.drain()
        core.later(Self.endingTime) { [core] in
            _ = core.abort()
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

    /// Goes on with the conversations of the process before. To be called before `start`.
    ///
    /// Nobody is sent away for `maximumConnections`: who comes anew waits until there are fewer.
    ///
    /// - Parameters:
    ///   - descriptors: What came back of `HandOver.descriptor`, or what a stranger has put in its place. Owned by the server
    ///     from now on.
    ///   - completion: Called once all are served or ended.
    public func takeOver(
        from descriptors: [Int32],
        _ completion: @escaping @Sendable (TakeOverReport) -> Void
    ) {
        core.control.async { [self] in
            let begin = Clock.nanoseconds(CLOCK_MONOTONIC)
            var takeOver = TakeOver(core, fitting: fitting, restore: restorer)
            for number in descriptors { takeOver.receive(from: Descriptor(owning: number)) }
            takeOver.endRefused()
            var report = takeOver.report
            report.duration = .nanoseconds(Int64(clamping: Clock.nanoseconds(CLOCK_MONOTONIC) &- begin))
            completion(report)
        }
    }
}
