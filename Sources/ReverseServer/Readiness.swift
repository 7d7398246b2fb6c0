import CLinux
import Dispatch
import Glibc

/// Whoever waits for a descriptor to be ready. The subclasses guard what they own with a lock of their own; each of
/// these methods takes it.
///
/// Unchecked because a class that can be subclassed cannot be checked; safe because this base holds constants only.
class DescriptorOwner: @unchecked Sendable {
    /// The descriptor, closed by `descriptorIsFree` and nowhere else.
    let descriptor: Int32

    init(descriptor: Int32) { self.descriptor = descriptor }

    /// What was waited for has come. Runs on the clients' queue, and may come once too often.
    func isReady(scratch: UnsafeMutableRawBufferPointer, now: Milliseconds) {}

    /// The write source has let go of the descriptor.
    func writeSourceIsAway() {}

    /// Asked by the hot set now and then: goes back to a source of its own if nothing has happened since `start`.
    /// Returns whether the hot set may forget this owner.
    func leaveHotSetIfQuiet(since start: Milliseconds) -> Bool { true }

    /// Nothing watches the descriptor any more.
    func descriptorIsFree() {}
}

/// Where one descriptor is watched, and for what: a small state machine over its read source, its write source and the
/// hot set. It is part of its owner's state, behind the owner's lock.
///
/// Libdispatch keeps both sources of a descriptor in one note without a lock, so they are never armed together: the
/// read source is suspended while output is awaited, and is resumed only when the write source's cancel handler has
/// run. A suspended source must be resumed before its last release; `stop` sees to it.
///
/// Unchecked because Dispatch does not mark the protocols of its sources; safe because a source may be used from any
/// thread (dispatch_source_create(3)) and the rest is behind the owner's lock.
struct Readiness: ~Copyable, @unchecked Sendable {
    /// What every descriptor of a server shares.
    struct Surroundings: Sendable {
        /// The one concurrent queue that serves all clients.
        let queue: DispatchQueue
        let scratch: ScratchPool
        /// Where busy descriptors are served; nil when that is turned off.
        let hotSet: HotSet?
    }

    private enum Place {
        case nowhere
        case readSource
        case writeSource
        /// The write source is cancelled, its handler has not run yet; the read source comes next.
        case leavingWriteSource
        case hotSet(awaitsOutput: Bool)
        /// Nothing is watched; the read source is there, suspended.
        case paused
        case stopping
        case stopped
    }

    private let surroundings: Surroundings
    private var place = Place.nowhere
    private var readSource: (any DispatchSourceRead)?
    private var writeSource: (any DispatchSourceWrite)?
    private var lastReady = Clock.now()

    init(_ surroundings: Surroundings) { self.surroundings = surroundings }

    /// Watches for input from now on.
    ///
    /// - Parameter isBusy: Whether a descriptor that is new begins in the hot set.
    mutating func awaitInput(_ owner: DescriptorOwner, isBusy: Bool = true) {
        switch place {
        case .nowhere:
            if isBusy && surroundings.hotSet != nil {
                moveToHotSet(owner)
            } else {
                watchWithReadSource(owner)
            }
        case .paused:
            watchWithReadSource(owner)
        case .writeSource:
            place = .leavingWriteSource
            writeSource?.cancel()
        case .hotSet(awaitsOutput: true):
            surroundings.hotSet?.change(owner, to: EPOLLIN)
            place = .hotSet(awaitsOutput: false)
        case .readSource, .leavingWriteSource, .hotSet, .stopping, .stopped: break
        }
    }

    /// Watches for room in the socket's send buffer, and for nothing else.
    mutating func awaitOutput(_ owner: DescriptorOwner) {
        switch place {
        case .readSource:
            readSource?.suspend()
            watchWithWriteSource(owner)
        case .nowhere:
            watchWithWriteSource(owner)
        case .hotSet(awaitsOutput: false):
            surroundings.hotSet?.change(owner, to: EPOLLOUT)
            place = .hotSet(awaitsOutput: true)
        case .writeSource, .leavingWriteSource, .hotSet, .paused, .stopping, .stopped: break
        }
    }

    /// Watches for nothing until `awaitInput`; for a descriptor that has had its read source.
    mutating func pause(_ owner: DescriptorOwner) {
        switch place {
        case .readSource: readSource?.suspend()
        case .hotSet: surroundings.hotSet?.remove(owner)
        case .nowhere, .writeSource, .leavingWriteSource, .paused, .stopping, .stopped: return
        }
        place = .paused
    }

    /// To be called when the owner has served an event: a busy descriptor moves from its read source to the hot set,
    /// where it costs no hop between threads.
    mutating func noteEvent(_ owner: DescriptorOwner, now: Milliseconds) {
        if case .readSource = place, surroundings.hotSet?.invites(lastEvent: lastReady, now: now) == true {
            readSource?.suspend()
            moveToHotSet(owner)
        }
        lastReady = now
    }

    /// Moves a quiet descriptor from the hot set to a source of its own, where it costs nothing. Returns whether the hot
    /// set may forget the owner.
    mutating func leaveHotSetIfQuiet(_ owner: DescriptorOwner, since start: Milliseconds) -> Bool {
        guard case .hotSet(let awaitsOutput) = place else { return true }
        guard lastReady < start else { return false }
        surroundings.hotSet?.remove(owner)
        if awaitsOutput { watchWithWriteSource(owner) } else { watchWithReadSource(owner) }
        return true
    }

    /// To be called by the owner from `writeSourceIsAway`.
    mutating func writeSourceIsAway(_ owner: DescriptorOwner) {
        writeSource = nil
        switch place {
        case .leavingWriteSource: watchWithReadSource(owner)
        case .stopping: stopReadSource(owner)
        case .nowhere, .readSource, .writeSource, .hotSet, .paused, .stopped: break
        }
    }

    /// Ends all watching; `descriptorIsFree` follows, from here if nothing has to be waited for.
    mutating func stop(_ owner: DescriptorOwner) {
        switch place {
        case .nowhere:
            place = .stopped
            owner.descriptorIsFree()
        case .readSource:
            place = .stopped
            readSource?.cancel()
        case .writeSource:
            place = .stopping
            writeSource?.cancel()
        case .leavingWriteSource:
            place = .stopping
        case .hotSet:
            // Without a source the descriptor is closed at once, and that takes it out of the epoll instance.
            if readSource != nil { surroundings.hotSet?.remove(owner) }
            stopReadSource(owner)
        case .paused:
            stopReadSource(owner)
        case .stopping, .stopped: break
        }
    }

    private mutating func stopReadSource(_ owner: DescriptorOwner) {
        place = .stopped
        guard let readSource else { return owner.descriptorIsFree() }
        readSource.cancel()
        readSource.resume()
    }

    private mutating func moveToHotSet(_ owner: DescriptorOwner) {
        if surroundings.hotSet?.add(owner) == true {
            place = .hotSet(awaitsOutput: false)
        } else {
            watchWithReadSource(owner)
        }
    }

    private mutating func watchWithReadSource(_ owner: DescriptorOwner) {
        place = .readSource
        if let readSource { return readSource.resume() }
        let source = DispatchSource.makeReadSource(
            fileDescriptor: owner.descriptor,
            queue: surroundings.queue
        )
        source.setEventHandler { [scratch = surroundings.scratch] in
            scratch.withBuffer { owner.isReady(scratch: $0, now: Clock.now()) }
        }
        source.setCancelHandler { owner.descriptorIsFree() }
        readSource = source
        source.activate()
    }

    private mutating func watchWithWriteSource(_ owner: DescriptorOwner) {
        place = .writeSource
        let source = DispatchSource.makeWriteSource(
            fileDescriptor: owner.descriptor,
            queue: surroundings.queue
        )
        source.setEventHandler { [scratch = surroundings.scratch] in
            scratch.withBuffer { owner.isReady(scratch: $0, now: Clock.now()) }
        }
        source.setCancelHandler { owner.writeSourceIsAway() }
        writeSource = source
        source.activate()
    }
}
