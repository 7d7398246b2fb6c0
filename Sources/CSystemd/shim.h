// The C-module shim over libsystemd, found through pkg-config. It adds nothing to libsystemd's own headers; what
// Swift makes of them lives in the Systemd module.
#pragma once

// Otherwise sd-journal.h replaces sd_journal_sendv by a macro that names this header as the place of the log call.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
