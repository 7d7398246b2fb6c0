import Glibc

/// Signal actions of the process (signal(7)).
public enum ProcessSignals {
    /// Whether a signal is ignored, for instance inherited from nohup(1) or `trap '' INT` of a shell.
    public static func isIgnored(_ number: Int32) -> Bool {
        var current = sigaction()
        guard unsafe sigaction(number, nil, &current) == 0 else { return false }
        // SIG_IGN is the address 1, not a function.
        return unsafe unsafeBitCast(current.__sigaction_handler, to: Int.self) == 1
    }

    /// Ends the process by a signal, so that a shell or a supervisor sees which one; a loop in a script then stops at Ctrl-C.
    /// If the signal is blocked, exits with the code by which a shell reports it.
    public static func terminate(by number: Int32) -> Never {
        signal(number, SIG_DFL)
        raise(number)
        _exit(128 + number)
    }
}
