import CSystemd
import Glibc
import TextEscaping

/// The sockets that systemd has opened and passed to this process, see sd_listen_fds(3).
public struct ActivationSockets: Sendable {
    /// The listening stream sockets among them, in the order of the socket unit. Empty without socket activation.
    public let listeners: [ActivationSocket]

    /// Descriptors that the previous process has stored, with names for which `isStored` of `take` is true; see
    /// ``DescriptorStore``.
    public let stored: [StoredDescriptor]

    /// The names of other descriptors, which were closed. A stored one is passed again at every restart until it is removed.
    public let closedNames: [String]

    /// Problems of the variables or of a descriptor, as messages for the log.
    public let warnings: [String]

    /// A message for the log if systemd passed the sockets to the process that started this one; otherwise nil. It is also among the
    /// warnings.
    public let misdirection: String?

    /// Takes ownership of the sockets. Call it once, early in `main`: before the process opens descriptors, and before there are
    /// other threads.
    ///
    /// Each descriptor becomes close-on-exec. One that is not a listening stream socket is closed, with a warning. The LISTEN_
    /// variables are removed from the environment, so that child processes do not use the sockets.
    ///
    /// - Parameters:
    ///   - environment: Where the variables are read.
    ///   - processID: The value that LISTEN_PID must have.
    ///   - isStored: Whether the program stores descriptors with this name. A descriptor of any kind with such a name is among
    ///     ``stored``; another program may have stored it.
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
    ///   - first: The first of the passed descriptors; the others follow it.
    ///   - processID: This process, for a warning.
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
        // A shell that systemd has started passes the descriptors on to the daemon, but cannot change LISTEN_PID. Variables
        // without a socket are inherited and mean nothing.
        var misdirection: String?
        if let receiver = variables.otherReceiver, case .listener = ActivationSocket.kind(of: first) {
            misdirection =
                "systemd passed its sockets to process \(receiver) (LISTEN_PID), and this is process \(processID): they are "
                + "not used, and systemd still listens on them; let a shell or a wrapper start this program with exec"
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
