/// The message ids under which `journalctl -x` explains what happened (systemd.journal-fields(7), catalog).
public enum MessageID {
    /// A listener listens.
    public static let started = "9a1c6f4a1f0b4c0f8a5f3b8e5d0a7c11"
    /// The server is told to stop.
    public static let stopping = "9a1c6f4a1f0b4c0f8a5f3b8e5d0a7c12"
    /// A reload succeeded.
    public static let reloaded = "9a1c6f4a1f0b4c0f8a5f3b8e5d0a7c13"
    /// A reload failed and changed nothing.
    public static let reloadFailed = "9a1c6f4a1f0b4c0f8a5f3b8e5d0a7c14"
    /// Every place for a client is taken.
    public static let capReached = "9a1c6f4a1f0b4c0f8a5f3b8e5d0a7c15"
}
