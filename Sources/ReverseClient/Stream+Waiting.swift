import Glibc
import Sockets

/// The one place where a stream sleeps.
extension Stream {
    /// Sleeps until a descriptor is ready or a deadline passes, and records what is ready.
    func wait() throws(ClientError) {
        if let isInterrupted, isInterrupted() { throw error(.interrupted) }
        let instant = now()
        if try expire(at: instant) { return }
        var polls = [
            pollfd(fd: -1, events: 0, revents: 0),
            // poll(2) always reports an output whose reader is gone. That no longer matters when everything is written.
            pollfd(
                fd: exchange.isDone ? -1 : output.pollDescriptor ?? -1,
                events: exchange.hasOutput ? Int16(POLLOUT) : 0,
                revents: 0
            ),
            pollfd(fd: -1, events: connectionEvents, revents: 0),
        ]
        // Without events the descriptor is left out, because it would report its end on each poll.
        if polls[2].events != 0 { polls[2].fd = transport.descriptor }
        if let descriptor = input.pollDescriptor, exchange.inputCapacity > 0 {
            polls[0] = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        }
        polls += transport.connectionPolls
        try poll(&polls, until: deadline(from: instant), from: instant)
        if polls[0].revents != 0 { readiness.input = true }
        if polls[1].revents & Int16(POLLOUT) != 0 { readiness.output = true }
        if polls[1].revents & Int16(POLLERR | POLLNVAL) != 0 { try outputFailed(polls[1].revents) }
        if polls[2].revents != 0 { recordReadiness(polls[2].revents) }
    }

    func waitForOutput() throws(ClientError) {
        var polls = [pollfd(fd: output.pollDescriptor ?? -1, events: Int16(POLLOUT), revents: 0)]
        try poll(&polls, until: nil, from: now())
        readiness.output = true
    }

    private func outputFailed(_ events: Int16) throws(ClientError) {
        // If bytes are waiting, the write reports the reason.
        readiness.output = true
        guard !exchange.hasOutput else { return }
        let code = events & Int16(POLLNVAL) != 0 ? EBADF : EPIPE
        throw error(
            .cannotWrite(
                SystemError(
                    "write the answers",
                    code: code,
                    advice: code == EPIPE ? DescriptorOutput.lostReaderAdvice : ""
                )
            )
        )
    }

    /// The next deadline.
    private func deadline(from instant: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        let times = [
            connectAt, connectionDeadline, transport.wakeUp, observer?.interval.map { instant + $0 },
            isInterrupted.map { _ in instant + Self.interruptPause },
        ]
        return times.compactMap { $0 }.min()
    }

    private func poll(
        _ polls: inout [pollfd],
        until deadline: ContinuousClock.Instant?,
        from instant: ContinuousClock.Instant
    ) throws(ClientError) {
        let milliseconds = deadline.map { pollMilliseconds(instant.duration(to: $0)) } ?? -1
        let result = unsafe Glibc.poll(&polls, nfds_t(polls.count), milliseconds)
        guard result < 0, errno != EINTR else { return }
        throw error(.cannotRead(SystemError("wait for input")))
    }
}
