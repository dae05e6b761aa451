/* dns: see dns.h. ldns reads and writes the messages; zone knows the records. */
#include "services/servicediscovery/dns.h"

#include "services/servicediscovery/servicediscovery.h"
#include "services/servicediscovery/zone.h"

#include <ldns/ldns.h>

enum { HEADER_BYTES = 12, PLAIN_UDP_BYTES = 512, EDNS_BYTES = 1232, MESSAGE_BYTES = 65535, BAD_VERSION = 16 };

static const ldns_rr_type rr_types[ZONE_TYPES] = {
    [ZONE_A] = LDNS_RR_TYPE_A,         [ZONE_AAAA] = LDNS_RR_TYPE_AAAA, [ZONE_SRV] = LDNS_RR_TYPE_SRV,
    [ZONE_CNAME] = LDNS_RR_TYPE_CNAME, [ZONE_SOA] = LDNS_RR_TYPE_SOA,   [ZONE_NS] = LDNS_RR_TYPE_NS,
};

/* The question's name in lower case, without the dot at its end. */
static slice name_of(struct call *c, const ldns_rr *question)
{
    char *text = ldns_rdf2str(ldns_rr_owner(question));
    slice name = slice_of(text ? text : "");
    if (slice_ends(name, S(".")))
        name.len--;
    name = servicediscovery_lower(c, name);
    free(text);
    return name;
}

static unsigned types_of(const ldns_rr *question)
{
    unsigned types = 0;
    for (int i = 0; i < ZONE_TYPES; i++) {
        if (ldns_rr_get_type(question) == rr_types[i] || ldns_rr_get_type(question) == LDNS_RR_TYPE_ANY)
            types |= 1U << i;
    }
    return types;
}

/* A record, or NULL when its data cannot be put into one: instances may have been registered with any name. */
static ldns_rr *rr_of(struct call *c, const struct zone_record *record, const ldns_rdf *question_name)
{
    const char *owner = record->owner.ptr ? slice_cstr(c->arena, record->owner) : NULL;
    ldns_rdf *name = owner ? ldns_dname_new_frm_str(owner) : ldns_rdf_clone(question_name);
    ldns_rr *rr = name ? ldns_rr_new_frm_type(rr_types[record->type]) : NULL;
    slice word, rest = record->data;
    if (!rr) {
        ldns_rdf_deep_free(name);
        return NULL;
    }
    ldns_rr_set_owner(rr, name);
    ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
    ldns_rr_set_ttl(rr, (uint32_t)record->ttl);
    const ldns_rr_descriptor *form = ldns_rr_descript((uint16_t)rr_types[record->type]);
    for (size_t i = 0; rest.ptr; i++) {
        slice_cut(rest, ' ', &word, &rest);
        const char *text = slice_cstr(c->arena, word);
        ldns_rdf *data = text ? ldns_rdf_new_frm_str(ldns_rr_descriptor_field_type(form, i), text) : NULL;
        if (!data) {
            ldns_rr_free(rr);
            return NULL;
        }
        ldns_rdf_deep_free(ldns_rr_set_rdf(rr, data, i));
    }
    return rr;
}

static void push(struct call *c, ldns_pkt *reply, ldns_pkt_section section, const struct zone_records *records,
                 const ldns_rdf *name)
{
    list_foreach (record, records) {
        ldns_rr *rr = rr_of(c, record, name);
        if (rr)
            ldns_pkt_push_rr(reply, section, rr);
    }
}

static void push_soa(struct call *c, ldns_pkt *reply, const struct zone_answer *answer)
{
    struct zone_record soa = {ZONE_SOA, answer->soa_ttl, answer->zone, answer->soa};
    ldns_rr *rr = rr_of(c, &soa, NULL);
    if (rr)
        ldns_pkt_push_rr(reply, LDNS_SECTION_AUTHORITY, rr);
}

static void resolve(struct call *c, const ldns_rr *question, ldns_pkt *reply)
{
    struct zone_answer answer;
    enum zone_result result = zone_look_up(c, name_of(c, question), types_of(question), &answer);
    if (result == ZONE_NOT_OURS) {
        ldns_pkt_set_rcode(reply, LDNS_RCODE_REFUSED);
        return;
    }
    ldns_pkt_set_aa(reply, true);
    if (result == ZONE_NO_NAME)
        ldns_pkt_set_rcode(reply, LDNS_RCODE_NXDOMAIN);
    push(c, reply, LDNS_SECTION_ANSWER, &answer.records, ldns_rr_owner(question));
    push(c, reply, LDNS_SECTION_ADDITIONAL, &answer.additional, ldns_rr_owner(question));
    if (result != ZONE_FOUND)
        push_soa(c, reply, &answer);
}

/* Fills the reply to a query that could be read. */
static void respond(struct call *c, const ldns_pkt *query, ldns_pkt *reply)
{
    const ldns_rr_list *questions = ldns_pkt_question(query);
    ldns_pkt_set_rd(reply, ldns_pkt_rd(query));
    ldns_pkt_set_opcode(reply, ldns_pkt_get_opcode(query));
    if (ldns_pkt_get_opcode(query) != LDNS_PACKET_QUERY) {
        ldns_pkt_set_rcode(reply, LDNS_RCODE_NOTIMPL);
        return;
    }
    if (ldns_rr_list_rr_count(questions) != 1) {
        ldns_pkt_set_rcode(reply, LDNS_RCODE_FORMERR);
        return;
    }
    const ldns_rr *question = ldns_rr_list_rr(questions, 0);
    ldns_pkt_push_rr(reply, LDNS_SECTION_QUESTION, ldns_rr_clone(question));
    if (ldns_pkt_edns(query)) {
        ldns_pkt_set_edns_udp_size(reply, EDNS_BYTES);
        if (ldns_pkt_edns_version(query) > 0) {
            ldns_pkt_set_edns_extended_rcode(reply, BAD_VERSION >> 4);
            return;
        }
    }
    ldns_rr_type type = ldns_rr_get_type(question);
    bool transfer = type == LDNS_RR_TYPE_AXFR || type == LDNS_RR_TYPE_IXFR;
    if (ldns_rr_get_class(question) != LDNS_RR_CLASS_IN || transfer)
        ldns_pkt_set_rcode(reply, LDNS_RCODE_REFUSED);
    else
        resolve(c, question, reply);
}

static int write_out(struct call *c, ldns_pkt *reply, slice *out)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (ldns_pkt2wire(&bytes, reply, &size) != LDNS_STATUS_OK)
        return FAULT_INTERNAL;
    *out = (slice){arena_copy(c->arena, bytes, size), size};
    free(bytes);
    return 0;
}

static void drop_section(ldns_pkt *reply, ldns_pkt_section section)
{
    ldns_rr_list *list = section == LDNS_SECTION_ANSWER       ? ldns_pkt_answer(reply)
                         : section == LDNS_SECTION_ADDITIONAL ? ldns_pkt_additional(reply)
                                                              : ldns_pkt_authority(reply);
    while (ldns_rr_list_rr_count(list) > 0)
        ldns_rr_free(ldns_rr_list_pop_rr(list));
    ldns_pkt_set_section_count(reply, section, 0);
}

/* What is too large loses the additional records first; then everything, with TC, so that the client comes by TCP. */
static int write_fitting(struct call *c, ldns_pkt *reply, size_t limit, slice *out)
{
    TRY(write_out(c, reply, out));
    if (out->len <= limit)
        return 0;
    drop_section(reply, LDNS_SECTION_ADDITIONAL);
    TRY(write_out(c, reply, out));
    if (out->len <= limit)
        return 0;
    drop_section(reply, LDNS_SECTION_ANSWER);
    drop_section(reply, LDNS_SECTION_AUTHORITY);
    ldns_pkt_set_tc(reply, true);
    return write_out(c, reply, out);
}

static size_t limit_of(const ldns_pkt *query, bool udp)
{
    if (!udp)
        return MESSAGE_BYTES;
    size_t wanted = query && ldns_pkt_edns(query) ? ldns_pkt_edns_udp_size(query) : PLAIN_UDP_BYTES;
    return wanted < PLAIN_UDP_BYTES ? PLAIN_UDP_BYTES : wanted > EDNS_BYTES ? EDNS_BYTES : wanted;
}

int dns_answer(struct call *c, slice query, bool udp, slice *reply)
{
    const uint8_t *bytes = (const uint8_t *)query.ptr;
    ldns_pkt *asked = NULL;
    *reply = (slice){NULL, 0};
    if (query.len < HEADER_BYTES || LDNS_QR_WIRE(bytes))
        return 0;
    bool readable = ldns_wire2pkt(&asked, bytes, query.len) == LDNS_STATUS_OK;
    ldns_pkt *answer = ldns_pkt_new();
    ldns_pkt_set_id(answer, LDNS_ID_WIRE(bytes));
    ldns_pkt_set_qr(answer, true);
    if (readable)
        respond(c, asked, answer);
    else
        ldns_pkt_set_rcode(answer, LDNS_RCODE_FORMERR);
    int result = write_fitting(c, answer, limit_of(readable ? asked : NULL, udp), reply);
    ldns_pkt_free(answer);
    if (readable)
        ldns_pkt_free(asked);
    return result;
}
