import ArgumentParser

/// The exit codes of the daemon, with the numbers of sysexits.h; 64 is the argument parser's.
enum ExitStatus {
    /// Listening failed on an address.
    static let cannotListen = ExitCode(69)
    /// A system call failed that the daemon needs, at the start or later.
    static let systemFailed = ExitCode(71)
    /// The configuration is wrong. systemd does not restart after it (RestartPreventExitStatus=78).
    static let wrongConfiguration = ExitCode(78)
}
