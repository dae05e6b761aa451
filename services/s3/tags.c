/* tags: tags of objects, and of buckets through S3 Control. */
#include "services/s3/s3.h"

#include "common/buf.h"
#include "common/uri.h"
#include "common/xml.h"
#include "common/xml_tree.h"
#include "proto/xmlform.h"

enum { OBJECT_TAGS = 10, BUCKET_TAGS = 50, KEY_LENGTH = 128, VALUE_LENGTH = 256 };

static int fail_tag(struct call *c, slice key, const char *text)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("TagKey"), val_string(key));
    return fail_with(c, &s3_invalid_tag, extra, "%s", text);
}

int tags_check(struct call *c, const struct s3_tag_set *tags, size_t limit)
{
    if (tags->len > limit)
        return fail(c, limit == OBJECT_TAGS ? &s3_bad_request : &s3_invalid_tag,
                    limit == OBJECT_TAGS ? "Object tags cannot be greater than %zu"
                                         : "Bucket tag count cannot be greater than %zu",
                    limit);
    list_foreach (tag, tags) {
        if (tag->key.len == 0 || slice_utf8_len(tag->key) > KEY_LENGTH)
            return fail_tag(c, tag->key, "The TagKey you have provided is invalid");
        if (slice_utf8_len(tag->value) > VALUE_LENGTH)
            return fail_tag(c, tag->key, "The TagValue you have provided is invalid");
        if (slice_starts(tag->key, S("aws:")))
            return fail_tag(c, tag->key, "System tags cannot be added/updated by requester");
        list_foreach (other, tags) {
            if (other != tag && slice_eq(other->key, tag->key))
                return fail_tag(c, tag->key, "Cannot provide multiple Tags with the same key");
        }
    }
    return 0;
}

static slice to_json(struct call *c, const struct s3_tag_set *tags)
{
    struct s3_tagging tagging = {.tag_set = *tags};
    return tags->len > 0 ? api_to_json(c->arena, &s3_shape_tagging, &tagging) : (slice){NULL, 0};
}

static bool has_doubles(const struct pair_list *pairs)
{
    list_foreach (pair, pairs) {
        if (pair_get(pairs, pair->key).ptr != pair->value.ptr)
            return true;
    }
    return false;
}

int tags_read_header(struct call *c, slice header, slice *json)
{
    struct pair_list pairs = {0};
    struct s3_tag_set tags = {0};
    *json = (slice){NULL, 0};
    if (slice_empty(header))
        return 0;
    if (uri_parse_form(c->arena, header, &pairs) != 0 || has_doubles(&pairs))
        return fail(c, &s3_invalid_argument,
                    "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL "
                    "query parameters without tag name duplicates.");
    list_foreach (pair, &pairs) {
        struct s3_tag *tag = list_add(c->arena, &tags);
        *tag = (struct s3_tag){pair->key, pair->value};
    }
    TRY(tags_check(c, &tags, OBJECT_TAGS));
    *json = to_json(c, &tags);
    return 0;
}

void tags_list(struct call *c, slice json, struct s3_tag_set *tags)
{
    struct s3_tagging tagging = {0};
    if (json.ptr)
        api_from_json(c->arena, &s3_shape_tagging, json, &tagging);
    *tags = tagging.tag_set;
    tags->set = true;
}

int64_t tags_count(struct call *c, slice json)
{
    struct s3_tag_set tags = {0};
    if (json.ptr)
        tags_list(c, json, &tags);
    return (int64_t)tags.len;
}

int s3_get_object_tagging(struct call *c, const struct s3_get_object_tagging_in *in,
                          struct s3_get_object_tagging_out *out)
{
    struct bucket bucket;
    struct version version;
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(version_get(c, &bucket, in->key, in->version_id, &version));
    tags_list(c, version.tags, &out->tag_set);
    if (version_numbered(&bucket))
        out->version_id = version.version_id;
    return 0;
}

int s3_put_object_tagging(struct call *c, const struct s3_put_object_tagging_in *in,
                          struct s3_put_object_tagging_out *out)
{
    struct bucket bucket;
    struct version version;
    struct checksum checksum;
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(version_get(c, &bucket, in->key, in->version_id, &version));
    TRY(checksum_verify(c, &checksum));
    if (!in->tagging)
        return fail(c, &s3_malformed_xml,
                    "The XML you provided was not well-formed or did not validate against our published schema");
    TRY(tags_check(c, &in->tagging->tag_set, OBJECT_TAGS));
    db_run(c->db, S3_SQL_VERSION_SET_TAGS, "ti", to_json(c, &in->tagging->tag_set), version.id);
    if (version_numbered(&bucket))
        out->version_id = version.version_id;
    notify_event(c, &bucket, "ObjectTagging:Put", &version);
    return 0;
}

int s3_delete_object_tagging(struct call *c, const struct s3_delete_object_tagging_in *in,
                             struct s3_delete_object_tagging_out *out)
{
    struct bucket bucket;
    struct version version;
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(version_get(c, &bucket, in->key, in->version_id, &version));
    db_run(c->db, S3_SQL_VERSION_SET_TAGS, "ti", (slice){NULL, 0}, version.id);
    if (version_numbered(&bucket))
        out->version_id = version.version_id;
    notify_event(c, &bucket, "ObjectTagging:Delete", &version);
    return 0;
}

/* /v20180820/tags/ARN → the bucket, or an error. */
static int control_bucket(struct call *c, struct bucket *bucket)
{
    static const slice prefix = {"/v20180820/tags/", 16};
    slice arn;
    if (!slice_starts(c->request->path, prefix))
        return fail(c, &s3_not_implemented, "This operation of S3 Control is not implemented by awssim");
    if (uri_decode(c->arena, slice_sub(c->request->path, prefix.len, c->request->path.len), false, &arn) != 0 ||
        !slice_starts(arn, S("arn:aws:s3:::")))
        return fail(c, &s3_invalid_request, "The ARN of the resource is not valid");
    return bucket_get(c, slice_sub(arn, 13, arn.len), (slice){NULL, 0}, bucket);
}

static void control_list(struct call *c, const struct s3_tagging *tagging, struct msg *reply)
{
    struct buf xml;
    buf_init(&xml, c->arena);
    buf_add(&xml, S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListTagsForResourceResult "
                    "xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\"><Tags>"));
    list_foreach (tag, &tagging->tag_set) {
        xml_open_tag(&xml, S("Tag"));
        xml_element(&xml, S("Key"), tag->key);
        xml_element(&xml, S("Value"), tag->value);
        xml_close_tag(&xml, S("Tag"));
    }
    buf_add(&xml, S("</Tags></ListTagsForResourceResult>"));
    *reply = (struct msg){.status = 200, .content_type = S("application/xml"), .body = buf_slice(&xml)};
}

static void remove_tag(struct s3_tag_set *tags, slice key)
{
    size_t kept = 0;
    for (size_t i = 0; i < tags->len; i++) {
        if (!slice_eq(tags->items[i].key, key))
            tags->items[kept++] = tags->items[i];
    }
    tags->len = kept;
}

/* The old tags with the new ones in their place. */
static int control_add(struct call *c, struct s3_tagging *tagging)
{
    struct xml_node *root;
    slice why;
    struct s3_tag_set all = {0};
    const struct xml_node *tags =
        xml_parse(c->arena, c->request->body, &root, &why) == 0 ? xml_child(root, S("Tags")) : NULL;
    if (!tags)
        return fail(c, &s3_malformed_xml,
                    "The XML you provided was not well-formed or did not validate against our published schema");
    list_foreach (node, &tags->children) {
        const struct xml_node *key = xml_child(*node, S("Key")), *value = xml_child(*node, S("Value"));
        if (key)
            remove_tag(&tagging->tag_set, key->text);
        struct s3_tag *tag = list_add(c->arena, &all);
        *tag = (struct s3_tag){key ? key->text : S(""), value ? value->text : S("")};
    }
    list_foreach (tag, &tagging->tag_set)
        *list_add(c->arena, &all) = *tag;
    tagging->tag_set = all;
    return tags_check(c, &tagging->tag_set, BUCKET_TAGS);
}

static int control_remove(struct call *c, struct s3_tagging *tagging)
{
    struct pair_list query = {0};
    if (uri_parse_form(c->arena, c->request->query, &query) != 0)
        return fail(c, &s3_invalid_request, "The query is not valid");
    list_foreach (pair, &query) {
        if (slice_eq(pair->key, S("tagKeys")))
            remove_tag(&tagging->tag_set, pair->value);
    }
    return 0;
}

int tags_control(struct call *c, struct msg *reply)
{
    struct bucket bucket;
    struct s3_tagging tagging = {0};
    TRY(control_bucket(c, &bucket));
    config_find(c, &bucket, "tagging", &s3_shape_tagging, &tagging);
    if (slice_eq(c->request->method, S("GET"))) {
        control_list(c, &tagging, reply);
        return 0;
    }
    if (slice_eq(c->request->method, S("POST")))
        TRY(control_add(c, &tagging));
    else if (slice_eq(c->request->method, S("DELETE")))
        TRY(control_remove(c, &tagging));
    else
        return fail(c, &s3_method_not_allowed, "The specified method is not allowed against this resource.");
    if (tagging.tag_set.len > 0)
        config_set(c, &bucket, "tagging", &s3_shape_tagging, &tagging);
    else
        db_run(c->db, S3_SQL_CONFIG_DELETE, "it", bucket.id, S("tagging"));
    *reply = (struct msg){.status = 204};
    return 0;
}
