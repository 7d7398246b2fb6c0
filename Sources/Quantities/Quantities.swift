// Quantities: durations and sizes as text, for the settings file and command-line options.
//
// It does no I/O. Invariant: `parse` reads back what `format` writes.
