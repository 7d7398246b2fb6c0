import ArgumentParser

/// The exit codes of the daemon, with the numbers of sysexits.h; 64 is the argument parser's.
enum ExitStatus {
    /// The daemon could not listen on an address.
    static let cannotListen = ExitCode(69)
    /// A required system call failed, at the start or later.
    static let systemFailed = ExitCode(71)
    /// The settings are wrong. systemd does not restart the service after it (RestartPreventExitStatus=78).
    static let wrongConfiguration = ExitCode(78)
}
