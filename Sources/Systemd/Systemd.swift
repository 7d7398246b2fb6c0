// What a daemon says to systemd and hears from it, for any Swift program:
//
//   Notify/      `Notifier` tells the service manager how the daemon is; `Watchdog` proves that it still serves.
//   Activation/  `ActivationSockets` takes the sockets that systemd opened for it.
//   Store/       `DescriptorStore` keeps descriptors for the next process; `SealedMemory` makes one of any bytes.
//   Manager/     `SystemdUnit` asks the service manager how a unit is set up, for tools; `ServiceJob` what it is about to do.
//   Log/         `SystemLog` carries swift-log records to the journal, or to standard error as plain lines.
//
// What does not live here: what to say, and when. That is the daemon's.
//
// What must stay true:
//   - Outside systemd every call is a silent no-op; a daemon needs no `if` around it.
//   - No call waits for systemd, for the journal or for the reader of a pipe. What may block runs on a serial queue
//     of its own behind a bounded backlog. Only the two `flush(deadline:)` wait, and no longer than they are told.
//   - Nothing in the environment traps. Nonsense becomes a sentence that the daemon can log.
