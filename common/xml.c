/* xml: see xml.h. */
#include "common/xml.h"

#include "common/buf.h"

void xml_open_tag(struct buf *buf, slice name)
{
    buf_add_char(buf, '<');
    buf_add(buf, name);
    buf_add_char(buf, '>');
}

void xml_close_tag(struct buf *buf, slice name)
{
    buf_add(buf, S("</"));
    buf_add(buf, name);
    buf_add_char(buf, '>');
}

void xml_open_tag_ns(struct buf *buf, slice name, slice xmlns)
{
    buf_add_char(buf, '<');
    buf_add(buf, name);
    buf_add(buf, S(" xmlns=\""));
    xml_text(buf, xmlns);
    buf_add(buf, S("\">"));
}

static slice escape_of(unsigned char c)
{
    switch (c) {
    case '&':
        return S("&amp;");
    case '<':
        return S("&lt;");
    case '>':
        return S("&gt;");
    case '"':
        return S("&quot;");
    case '\r':
        return S("&#xD;");
    default:
        return c < 0x20 && c != '\t' && c != '\n' ? S("\xef\xbf\xbd") : (slice){NULL, 0};
    }
}

void xml_text(struct buf *buf, slice text)
{
    size_t clean = 0;
    for (size_t i = 0; i < text.len; i++) {
        slice escape = escape_of((unsigned char)text.ptr[i]);
        if (!escape.ptr)
            continue;
        buf_add(buf, slice_sub(text, clean, i));
        buf_add(buf, escape);
        clean = i + 1;
    }
    buf_add(buf, slice_sub(text, clean, text.len));
}

void xml_element(struct buf *buf, slice name, slice text)
{
    xml_open_tag(buf, name);
    xml_text(buf, text);
    xml_close_tag(buf, name);
}
