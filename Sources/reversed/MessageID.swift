/// The message ids under which `journalctl -x` explains what happened (systemd.journal-fields(7), catalog).
enum MessageID {
    /// A listener listens.
    static let started = "0632ffed42d84c039aac3ed501a17aad"
    /// The server begins to stop.
    static let stopping = "712a1c5aab154f0b980bf84606f34217"
    /// A reload succeeded.
    static let reloaded = "c1daa6393ce5432c9d6ef607b16e80e9"
    /// A reload failed and changed nothing.
    static let reloadFailed = "ecaf35efb8ce4ffd95e5666bb73670f2"
    /// Every place for a client is taken.
    static let capReached = "664de7b79998402bbcc6d5db18ecef6b"
}
