/// The message ids under which `journalctl -x` explains what happened (systemd.journal-fields(7), catalog).
public enum MessageID {
    /// Every place for a client is taken.
    public static let capReached = "00000000000000000000000000000000"
}
