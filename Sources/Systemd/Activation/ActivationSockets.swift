import CSystemd
import Glibc
import TextEscaping

/// The sockets that systemd opened for this process and passed on, see sd_listen_fds(3).
public struct ActivationSockets: Sendable {
    /// The listening stream sockets among them, in the order of the socket unit. Empty without socket activation.
    public let listeners: [ActivationSocket]

    /// What the process before has stored, and `take` was told to look for; see ``DescriptorStore``.
    public let stored: [StoredDescriptor]

    /// The names of descriptors that were neither, and have been closed. One that somebody has stored comes back with every
    /// restart until it is removed.
    public let closedNames: [String]

    /// What was wrong with the variables or with a descriptor, as sentences for the log.
    public let warnings: [String]

    /// Why sockets that were passed along are not ours, as a sentence for the log, which is also among the warnings: systemd
    /// passed them to the process that started this one. nil where that is not so.
    public let misdirection: String?

    /// Takes the sockets over. To be called once, early in `main`: before the process opens descriptors of its own and
    /// before there are other threads.
    ///
    /// Each descriptor is made close-on-exec; one that is no listening stream socket is closed, with a warning. The LISTEN_
    /// variables are removed from the environment, so that no child takes the sockets for its own.
    ///
    /// - Parameters:
    ///   - environment: where the variables are read.
    ///   - processID: whom LISTEN_PID must name for the sockets to be ours.
    ///   - isStored: whether a name is one that the program stores descriptors under. A descriptor with such a name, of whatever
    ///     kind, is among ``stored``; it may have been put there by somebody else.
    public static func take(
        environment: Environment = .process,
        processID: pid_t = getpid(),
        storedUnder isStored: (String) -> Bool = { _ in false }
    ) -> ActivationSockets {
        defer { ActivationVariables.all.forEach(environment.unset) }
        let variables = ActivationVariables(environment, processID: processID)
        return ActivationSockets(
            taking: variables,
            from: SD_LISTEN_FDS_START,
            processID: processID,
            storedUnder: isStored
        )
    }

    /// - Parameters:
    ///   - first: the first of the passed descriptors; the others follow it.
    ///   - processID: this process, for a warning.
    init(
        taking variables: ActivationVariables,
        from first: Int32,
        processID: pid_t = getpid(),
        storedUnder isStored: (String) -> Bool = { _ in false }
    ) {
        var listeners: [ActivationSocket] = []
        var stored: [StoredDescriptor] = []
        var closedNames: [String] = []
        var warnings = variables.warnings
        // A shell that was started with the sockets and starts the daemon passes the descriptors on, and cannot change
        // LISTEN_PID. Variables without a socket are left over from somewhere and mean nothing.
        var misdirection: String?
        if let receiver = variables.otherReceiver, case .listener = ActivationSocket.kind(of: first) {
            misdirection =
                "systemd passed its sockets to process \(receiver) (LISTEN_PID), and this is process \(processID): they are "
                + "not used, and systemd goes on listening on them; let a shell or a wrapper start this program with exec"
        }
        warnings += [misdirection].compactMap { $0 }
        self.misdirection = misdirection
        for index in 0..<variables.count {
            let (descriptor, overflow) = first.addingReportingOverflow(index)
            guard !overflow, Self.setCloseOnExec(descriptor) else {
                warnings.append(
                    "LISTEN_FDS=\(variables.count) promises descriptors from \(first) on, but \(descriptor) is not open: "
                        + "it and any after it are ignored"
                )
                break
            }
            let name = variables.name(at: Int(index))
            if isStored(name) {
                stored.append(StoredDescriptor(descriptor: descriptor, name: name))
                continue
            }
            switch ActivationSocket.kind(of: descriptor) {
            case .listener(let family):
                listeners.append(ActivationSocket(descriptor: descriptor, name: name, family: family))
            case .other(let kind):
                close(descriptor)
                closedNames.append(name)
                warnings.append(
                    "descriptor \(descriptor) (\(PrintableText.excerpt(name))) that systemd passed on is \(kind): it is closed"
                )
            }
        }
        self.listeners = listeners
        self.stored = stored
        self.closedNames = closedNames
        self.warnings = warnings
    }

    private static func setCloseOnExec(_ descriptor: Int32) -> Bool {
        let flags = fcntl(descriptor, F_GETFD)
        return flags >= 0 && fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) == 0
    }
}
