// A TOML 1.0 document as a flat list of its values, read by toml++ (https://marzer.github.io/tomlplusplus/).
// The interface has no C++ type and throws no exception. Texts have a length, because they may contain NUL.

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

/// A value. Those in an array or table follow it, each followed by its own elements.
typedef struct {
    ctoml_kind kind;
    /// Its key in its table; empty in an array.
    ctoml_text key;
    /// The position of its key, or of the value in an array. Both start at 1. The column counts code points.
    uint32_t line, column;
    /// The number of direct elements of an array or table.
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

/// Parses `count` bytes. Returns NULL only if there is no memory; otherwise free the result with `ctoml_free`.
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
