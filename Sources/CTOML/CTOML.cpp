#include "include/CTOML.h"

// With NDEBUG, toml++ takes what it asserts for granted, which damaged documents contradict. Without asserts its own
// checks report the same documents as errors.
#undef NDEBUG
#define TOML_ASSERT(condition) static_assert(true)
#define TOML_ENABLE_FORMATTERS 0
#define TOML_ENABLE_SIMD 0
// The parser, the destructors of its tables and whoever reads the values go down by recursion, for a few hundred bytes of
// stack each level. This bounds the arrays and inline tables; `line_of_long_key` bounds the dots between them.
#define TOML_MAX_NESTED_VALUES 16
#include <toml++/toml.h>

#include <optional>
#include <vector>

struct ctoml_document {
    toml::table top;
    std::vector<ctoml_value> values;
    std::string description;
    std::optional<ctoml_error> failure;
};

namespace {

constexpr int most_parts_of_a_key = 64;
constexpr char too_deep[] = "nested more deeply than any setting is";

/// The first line with more dots than a key may have, 0 if there is none. Dots in a row are none that part a key.
uint32_t line_of_long_key(std::string_view text) {
    uint32_t line = 1;
    int dots = 0;
    char last = 0;
    for (char byte : text) {
        if (byte == '\n') {
            line++;
            dots = 0;
        } else if (byte == '.' && last != '.' && ++dots >= most_parts_of_a_key) {
            return line;
        }
        if (byte != ' ' && byte != '\t') last = byte;
    }
    return 0;
}

ctoml_text text(std::string_view view) { return {view.data(), view.size()}; }

ctoml_kind kind(toml::node_type type) {
    switch (type) {
    case toml::node_type::string: return CTOML_STRING;
    case toml::node_type::integer: return CTOML_INTEGER;
    case toml::node_type::floating_point: return CTOML_FLOAT;
    case toml::node_type::boolean: return CTOML_BOOLEAN;
    case toml::node_type::date: return CTOML_DATE;
    case toml::node_type::time: return CTOML_TIME;
    case toml::node_type::date_time: return CTOML_DATE_TIME;
    case toml::node_type::array: return CTOML_ARRAY;
    default: return CTOML_TABLE;
    }
}

void flatten(const toml::node &node, std::string_view key, toml::source_position at, std::vector<ctoml_value> &values) {
    ctoml_value value{};
    value.kind = kind(node.type());
    value.key = text(key);
    value.line = at.line;
    value.column = at.column;
    if (auto string = node.as_string()) value.string = text(string->get());
    if (auto integer = node.as_integer()) value.integer = integer->get();
    if (auto number = node.as_floating_point()) value.number = number->get();
    if (auto boolean = node.as_boolean()) value.boolean = boolean->get();
    auto array = node.as_array();
    auto table = node.as_table();
    value.children = array ? array->size() : table ? table->size() : 0;
    values.push_back(value);
    if (array) {
        for (auto &child : *array) flatten(child, {}, child.source().begin, values);
    }
    if (table) {
        for (auto &&[name, child] : *table) flatten(child, name.str(), name.source().begin, values);
    }
}

} // namespace

ctoml_document *ctoml_parse(const char *bytes, size_t count) {
    ctoml_document *document = nullptr;
    try {
        document = new ctoml_document{};
        if (auto line = line_of_long_key({bytes, count})) {
            document->failure = {text(too_deep), line, 1};
            return document;
        }
        document->top = toml::parse(std::string_view{bytes, count});
        flatten(document->top, {}, {1, 1}, document->values);
    } catch (const toml::parse_error &error) {
        auto depth = error.description().find("maximum nested value depth") != std::string_view::npos;
        document->description = depth ? too_deep : error.description();
        document->failure = {{}, error.source().begin.line, error.source().begin.column};
        document->failure->description = text(document->description);
    } catch (...) {
        delete document;
        document = nullptr;
    }
    return document;
}

const ctoml_error *ctoml_failure(const ctoml_document *document) {
    return document->failure ? &*document->failure : nullptr;
}

const ctoml_value *ctoml_values(const ctoml_document *document, size_t *count) {
    *count = document->values.size();
    return document->values.data();
}

void ctoml_free(ctoml_document *document) { delete document; }
