import Dispatch

/// What the service manager is doing with a unit, see org.freedesktop.systemd1(5).
public enum ServiceJob: Sendable, Equatable {
    /// The unit is stopped and started again: `systemctl restart`, an upgrade of its package.
    ///
    /// `startsSocket`: a socket unit of the service is about to start between the two, and needs the addresses that the service
    /// listens on.
    ///
    /// `hasStore`: the file descriptor store of the unit takes another descriptor. systemd may close one that it does not take
    /// a moment later, so whether it did cannot be seen for certain from here.
    case restart(startsSocket: Bool, hasStore: Bool)
    /// The unit is stopped, started or reloaded, as the text says: `stop`, `start`, `reload`.
    case other(String)
    /// Nothing: the signal did not come from the service manager.
    case nothing

    /// Asks the service manager for the job of the unit that this process belongs to. A process cannot tell a restart from a
    /// stop otherwise: both are a SIGTERM.
    ///
    /// There is no answer if the process is not the main one of its unit: then another program has started it.
    ///
    /// - Parameters:
    ///   - timeout: How long the answer may take.
    ///   - queue: The queue of `completion`.
    ///   - completion: Called once, with nil if there is no answer: no bus, no unit, or a timeout.
    public static func ofThisProcess(
        timeout: Duration,
        on queue: DispatchQueue,
        _ completion: @escaping @Sendable (ServiceJob?) -> Void
    ) {
        let answer = FirstAnswer<ServiceJob?> { job in queue.async { completion(job) } }
        // On a separate thread, because connecting to the bus can take longer than the timeout.
        DispatchQueue.global().async { answer.give(SystemdUnit(ofThisProcessWithin: timeout)?.job) }
        queue.asyncAfter(deadline: .now() + .microseconds(Int(clamping: timeout.wholeMicroseconds))) {
            answer.give(nil)
        }
    }
}
