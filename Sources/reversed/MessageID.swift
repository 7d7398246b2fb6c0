/// The message ids with an explanation in the catalog for `journalctl -x` (systemd.journal-fields(7)).
enum MessageID {
    /// A listener listens.
    static let started = "0632ffed42d84c039aac3ed501a17aad"
    /// The server begins to stop.
    static let stopping = "712a1c5aab154f0b980bf84606f34217"
    /// A reload succeeded.
    static let reloaded = "c1daa6393ce5432c9d6ef607b16e80e9"
    /// A reload failed and changed nothing.
    static let reloadFailed = "ecaf35efb8ce4ffd95e5666bb73670f2"
    /// All connection slots are in use.
    static let capReached = "664de7b79998402bbcc6d5db18ecef6b"
    /// The connections are handed over to the next process.
    static let handingOver = "b7c1f0a25d3e4c18a6f94e0d2b8a7315"
    /// The connections of the previous process were taken over.
    static let tookOver = "3f9d6e58c0a14b7f9be2517c64d0a8e2"
    /// Connections could not be handed over or taken over, and were ended.
    static let notHandedOver = "d20e4b7a91c8456fb3a7e85f1c96d034"
}
