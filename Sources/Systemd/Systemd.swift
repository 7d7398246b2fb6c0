// Systemd: the interfaces between a daemon and systemd, for any Swift program. Systemd.docc describes their use.
//
//   Activation/  `ActivationSockets` takes over the sockets that systemd opened.
//   Directories/ `ServiceDirectories` and `Credentials` read what systemd prepared for the service.
//   Notify/      `Notifier` sends the state of the daemon; `Watchdog` pings while clients are served.
//   Log/         `SystemLog` writes swift-log records to the journal, or to standard error as plain lines.
//   Manager/     `SystemdUnit` asks the service manager how a unit is set up, for tools; `ServiceJob` whether it restarts.
//   Store/       `DescriptorStore` stores descriptors for the next process; `SealedMemory` makes a descriptor for any bytes.
//
// The daemon decides what to send, and when.
//
// Invariants:
//   - Outside systemd every call is a silent no-op: a daemon needs no `if` around it.
//   - No call waits for systemd, the journal or the reader of a pipe. What may block runs on a serial queue behind a
//     bounded backlog. Only the flushes wait, until their deadline.
//   - No value of an environment variable can end the process. An invalid one becomes a message for the log.
