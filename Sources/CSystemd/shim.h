// The C-module shim over libsystemd, found through pkg-config. It adds nothing to libsystemd's own headers; what
// Swift makes of them lives in the Systemd module.
#pragma once

#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
