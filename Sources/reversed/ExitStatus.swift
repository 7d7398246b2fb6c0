import ArgumentParser

/// The exit codes of the daemon, with the numbers of sysexits.h; 64 is the argument parser's.
enum ExitStatus {
    /// No place could be listened on, or not all.
    static let cannotListen = ExitCode(69)
    /// The system refuses what the daemon cannot do without, at the start or while it runs.
    static let systemFailed = ExitCode(71)
    /// The configuration is wrong. systemd does not restart after it (RestartPreventExitStatus=78).
    static let wrongConfiguration = ExitCode(78)
}

/// The version of this release; debian/changelog says the same.
let version = "1.1.0"
