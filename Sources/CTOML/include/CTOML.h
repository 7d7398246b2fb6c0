// A TOML 1.0 document as a flat list of its values, read by toml++ (https://marzer.github.io/tomlplusplus/).
// No C++ type and no exception leaves this target. Texts are handed over with their length: they may hold NUL.

#ifndef CTOML_H
#define CTOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    CTOML_STRING,
    CTOML_INTEGER,
    CTOML_FLOAT,
    CTOML_BOOLEAN,
    CTOML_DATE,
    CTOML_TIME,
    CTOML_DATE_TIME,
    CTOML_ARRAY,
    CTOML_TABLE,
} ctoml_kind;

/// UTF-8 without a terminator, owned by the document.
typedef struct {
    const char *bytes;
    size_t count;
} ctoml_text;

/// A value. The values in an array or a table follow it, each with its own.
typedef struct {
    ctoml_kind kind;
    /// Its key in its table; empty in an array.
    ctoml_text key;
    /// The position of its key, or its own in an array. Both count from 1. The column counts code points.
    uint32_t line, column;
    /// How many values are directly in it, for an array or a table.
    size_t children;
    ctoml_text string;
    int64_t integer;
    double number;
    bool boolean;
} ctoml_value;

/// Why a text is not TOML, and where.
typedef struct {
    ctoml_text description;
    uint32_t line, column;
} ctoml_error;

typedef struct ctoml_document ctoml_document;

/// Reads `count` bytes. NULL only when there is no memory; otherwise free it with `ctoml_free`.
ctoml_document *ctoml_parse(const char *bytes, size_t count);

/// NULL if the document is TOML.
const ctoml_error *ctoml_failure(const ctoml_document *document);

/// The values, beginning with the top-level table; none if the document is not TOML.
const ctoml_value *ctoml_values(const ctoml_document *document, size_t *count);

void ctoml_free(ctoml_document *document);

#ifdef __cplusplus
}
#endif

#endif
