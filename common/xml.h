/* xml: XML texts, written piece by piece. */
#pragma once

#include "common/slice.h"

struct buf;

void xml_open_tag(struct buf *buf, slice name);
void xml_close_tag(struct buf *buf, slice name);
/* <name xmlns="uri"> */
void xml_open_tag_ns(struct buf *buf, slice name, slice xmlns);
/* Character data with & < > " and \r escaped; control characters XML forbids become U+FFFD. */
void xml_text(struct buf *buf, slice text);
/* <name>text</name> */
void xml_element(struct buf *buf, slice name, slice text);
