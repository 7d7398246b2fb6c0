import Glibc

/// How the process takes signals (signal(7)).
public enum ProcessSignals {
    /// Whether a signal is ignored, as a process inherits it from nohup(1) or a shell's `trap '' INT`.
    public static func isIgnored(_ number: Int32) -> Bool {
        var current = sigaction()
        guard sigaction(number, nil, &current) == 0 else { return false }
        // SIG_IGN is the address 1, which is no function.
        return unsafeBitCast(current.__sigaction_handler, to: Int.self) == 1
    }

    /// Ends the process by a signal, so that a shell or a supervisor sees which one: a script's loop stops at Ctrl-C.
    /// Where the signal is blocked, the exit code is the one by which a shell names it.
    public static func die(by number: Int32) -> Never {
        signal(number, SIG_DFL)
        raise(number)
        _exit(128 + number)
    }
}
