// Quantities: durations and sizes as people write them, for the settings file and for flags alike.
//
// Pure: text in, value out. What must stay true: what `format` writes, `parse` reads back.
