/* client_context: what a caller of Invoke says of itself, on its way into a header of the Runtime API. */
#include "services/lambda/invoke.h"

#include "common/base64.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/limits.h"

/* The next character of well-formed UTF-8, of which *i is the first byte; *i goes behind it. */
static uint32_t next_character(slice text, size_t *i)
{
    unsigned char lead = (unsigned char)text.ptr[(*i)++];
    unsigned more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    uint32_t character = more == 0 ? lead : lead & (0x3fU >> more);
    while (more-- > 0 && *i < text.len)
        character = character << 6 | ((unsigned char)text.ptr[(*i)++] & 0x3f);
    return character;
}

static void escape(struct buf *line, uint32_t character)
{
    if (character >= 0x10000) {
        buf_printf(line, "\\u%04x", 0xd800 + ((character - 0x10000) >> 10));
        character = 0xdc00 + ((character - 0x10000) & 0x3ff);
    }
    buf_printf(line, "\\u%04x", character);
}

/* The same JSON text without white space between its parts and in ASCII: line breaks would end the header, and clients
 * of the Runtime API read the bytes of a header as Latin-1, as UTF-8 or not at all. */
static slice one_line(struct arena *arena, slice json)
{
    struct buf line;
    bool in_string = false, escaped = false;
    buf_init(&line, arena);
    for (size_t i = 0; i < json.len;) {
        uint32_t character = next_character(json, &i);
        if (!in_string && character <= ' ')
            continue;
        if (character == '"' && !escaped)
            in_string = !in_string;
        escaped = in_string && character == '\\' && !escaped;
        if (character < 0x7f)
            buf_add_char(&line, (char)character);
        else
            escape(&line, character);
    }
    return buf_slice(&line);
}

int client_context_read(struct call *c, slice base64, slice *context)
{
    slice json, why;
    struct val document;
    *context = (slice){NULL, 0};
    if (base64.len == 0)
        return 0;
    if (base64.len > LIMIT_LAMBDA_CLIENT_CONTEXT_BYTES || base64_decode(c->arena, base64, &json) != 0 ||
        !slice_is_utf8(json) || json_parse(c->arena, json, &document, &why) != 0 || document.type != VAL_OBJECT)
        return fail(c, &lambda_invalid_request_content, "Client context must be a valid Base64-encoded JSON object.");
    *context = one_line(c->arena, json);
    return 0;
}
