/* post: PostObject: an object uploaded with a browser's form. Its fields become the headers of a PutObject; a policy
 * among them must allow them. */
#include "services/s3/post.h"
#include "services/s3/post_body.h"
#include "services/s3/s3.h"

#include "common/base64.h"
#include "common/buf.h"
#include "common/limits.h"
#include "common/time.h"
#include "common/uri.h"
#include "common/xml.h"

static int fail_condition(struct call *c, const struct val *condition)
{
    return fail(c, &s3_access_denied, "Invalid according to Policy: Policy Condition failed: %.*s",
                SLICE_ARG(json_text(c->arena, condition)));
}

static int64_t number_of(const struct val *value)
{
    int64_t number = -1;
    if (value->type == VAL_STRING)
        slice_to_int64(value->string, &number);
    return value->type == VAL_INT ? value->integer : number;
}

static slice field_named(const struct form *form, slice bucket, slice name)
{
    if (slice_eq_nocase(name, S("bucket")))
        return bucket;
    list_foreach (field, &form->fields) {
        if (slice_eq_nocase(field->key, name))
            return field->value;
    }
    return S("");
}

/* ["eq", "$name", "value"], ["starts-with", …] or ["content-length-range", min, max] */
static int check_list(struct call *c, const struct form *form, slice bucket, const struct val *condition)
{
    if (condition->array.len != 3 || condition->array.items[0].type != VAL_STRING)
        return fail(c, &s3_invalid_policy_document, "Invalid Policy: Invalid JSON.");
    const struct val *items = condition->array.items;
    if (slice_eq(items[0].string, S("content-length-range"))) {
        if ((int64_t)form->file.len < number_of(&items[1]))
            return fail(c, &s3_entity_too_small, "Your proposed upload is smaller than the minimum allowed size");
        if ((int64_t)form->file.len > number_of(&items[2]))
            return fail(c, &s3_entity_too_large, "Your proposed upload exceeds the maximum allowed size");
        return 0;
    }
    if (items[1].type != VAL_STRING || items[2].type != VAL_STRING || !slice_starts(items[1].string, S("$")))
        return fail(c, &s3_invalid_policy_document, "Invalid Policy: Invalid JSON.");
    slice value = field_named(form, bucket, slice_sub(items[1].string, 1, items[1].string.len));
    bool good = slice_eq(items[0].string, S("starts-with")) ? slice_starts(value, items[2].string)
                                                            : slice_eq(value, items[2].string);
    return good ? 0 : fail_condition(c, condition);
}

static int check_conditions(struct call *c, const struct form *form, slice bucket, const struct val *conditions)
{
    for (size_t i = 0; i < conditions->array.len; i++) {
        const struct val *condition = &conditions->array.items[i];
        if (condition->type == VAL_ARRAY) {
            TRY(check_list(c, form, bucket, condition));
            continue;
        }
        list_foreach (one, &condition->object) {
            if (one->value.type != VAL_STRING || !slice_eq(field_named(form, bucket, one->key), one->value.string))
                return fail_condition(c, condition);
        }
    }
    return 0;
}

static bool is_mentioned(struct call *c, const struct val *conditions, slice name)
{
    for (size_t i = 0; i < conditions->array.len; i++) {
        const struct val *condition = &conditions->array.items[i];
        if (condition->type == VAL_ARRAY && condition->array.len == 3 && condition->array.items[1].type == VAL_STRING &&
            slice_eq_nocase(condition->array.items[1].string, arena_concat(c->arena, S("$"), name)))
            return true;
        for (size_t j = 0; condition->type == VAL_OBJECT && j < condition->object.len; j++) {
            if (slice_eq_nocase(condition->object.items[j].key, name))
                return true;
        }
    }
    return false;
}

/* Every field but those that sign must be in the policy. */
static int check_mentioned(struct call *c, const struct form *form, const struct val *conditions)
{
    static const slice free_names[] = {
        {"policy", 6}, {"awsaccesskeyid", 14}, {"signature", 9}, {"x-amz-signature", 15}, {"x-amz-security-token", 20},
    };
    list_foreach (field, &form->fields) {
        bool free = slice_starts(field->key, S("x-ignore-"));
        for (size_t i = 0; i < sizeof(free_names) / sizeof(*free_names); i++)
            free = free || slice_eq(free_names[i], field->key);
        if (!free && !is_mentioned(c, conditions, field->key))
            return fail(c, &s3_access_denied, "Invalid according to Policy: Extra input fields: %.*s",
                        SLICE_ARG(field->key));
    }
    return 0;
}

static int check_policy(struct call *c, const struct form *form, slice bucket)
{
    struct val policy;
    slice text, why, encoded = pair_get(&form->fields, S("policy"));
    int64_t expires_ms;
    if (!encoded.ptr)
        return 0;
    if (base64_decode(c->arena, slice_trim(encoded), &text) != 0 || json_parse(c->arena, text, &policy, &why) != 0 ||
        policy.type != VAL_OBJECT)
        return fail(c, &s3_invalid_policy_document, "Invalid Policy: Invalid JSON.");
    if (!time_parse(val_get_string(&policy, S("expiration")), &expires_ms))
        return fail(c, &s3_invalid_policy_document, "Invalid Policy: Policy missing expiration.");
    if (expires_ms < c->now_ms)
        return fail(c, &s3_access_denied, "Invalid according to Policy: Policy expired.");
    const struct val *conditions = val_get(&policy, S("conditions"));
    if (!conditions || conditions->type != VAL_ARRAY)
        return fail(c, &s3_invalid_policy_document, "Invalid Policy: Policy missing conditions.");
    TRY(check_conditions(c, form, bucket, conditions));
    return check_mentioned(c, form, conditions);
}

/* The fields that are headers elsewhere. */
static slice header_lines(struct call *c, const struct form *form)
{
    static const slice plain[] = {
        {"content-type", 12},     {"cache-control", 13}, {"content-disposition", 19},
        {"content-encoding", 16}, {"expires", 7},
    };
    struct buf lines;
    buf_init(&lines, c->arena);
    list_foreach (field, &form->fields) {
        bool wanted = slice_starts(field->key, S("x-amz-"));
        for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
            wanted = wanted || slice_eq(plain[i], field->key);
        bool acl = slice_eq(field->key, S("acl"));
        if ((wanted || acl) && slice_index(field->value, '\n') == field->value.len)
            buf_printf(&lines, "%.*s: %.*s\n", SLICE_ARG(acl ? S("x-amz-acl") : field->key), SLICE_ARG(field->value));
    }
    return buf_slice(&lines);
}

/* The file's own name in place of ${filename}. */
static slice key_of(struct call *c, const struct form *form)
{
    static const slice mark = {"${filename}", 11};
    slice key = pair_get(&form->fields, S("key"));
    ssize_t at = slice_find(key, mark);
    if (at < 0)
        return key;
    return arena_printf(c->arena, "%.*s%.*s%.*s", SLICE_ARG(slice_sub(key, 0, (size_t)at)), SLICE_ARG(form->filename),
                        SLICE_ARG(slice_sub(key, (size_t)at + mark.len, key.len)));
}

/* As a PutObject of the same content. */
static int put(struct call *c, const struct post_body *body, slice bucket, slice key, struct s3_put_object_out *out)
{
    const struct form *form = &body->form;
    const struct msg *before = c->request;
    struct msg request = *before;
    struct s3_put_object_in in = {0};
    slice why;
    request.method = S("PUT");
    request.path = arena_printf(c->arena, "/%.*s/%.*s", SLICE_ARG(bucket), SLICE_ARG(uri_encode(c->arena, key, true)));
    request.query = request.digests = request.trailers = (slice){NULL, 0};
    request.headers = header_lines(c, form);
    request.content_type = pair_get(&form->fields, S("content-type"));
    if (body->in_file) {
        request.file_offset = body->file_at;
        request.file_length = (int64_t)form->file.len;
        request.digests = body->digests;
    } else {
        request.body = form->file;
        request.body_file = (slice){NULL, 0};
    }
    c->request = &request;
    c->operation = api_find_operation(&s3_api, S("PutObject"));
    int result = 0;
    if (codec_for(API_RESTXML)->decode(c->arena, &s3_api, c->operation, &request, &in, &why) != 0)
        result = fail(c, &s3_invalid_argument, "%.*s", SLICE_ARG(why));
    if (result == 0)
        result = s3_put_object(c, &in, out);
    c->request = before;
    return result;
}

/* The field tagging has the document of a PutObjectTagging. */
static int tag(struct call *c, const struct form *form, slice bucket, slice key)
{
    const struct msg *before = c->request;
    struct msg request = *before;
    struct s3_put_object_tagging_in in = {0};
    struct s3_put_object_tagging_out out = {0};
    slice why;
    request.body = pair_get(&form->fields, S("tagging"));
    if (!request.body.ptr)
        return 0;
    request.method = S("PUT");
    request.path = arena_printf(c->arena, "/%.*s/%.*s", SLICE_ARG(bucket), SLICE_ARG(uri_encode(c->arena, key, true)));
    request.query = S("tagging");
    request.headers = request.body_file = request.digests = request.trailers = (slice){NULL, 0};
    c->request = &request;
    c->operation = api_find_operation(&s3_api, S("PutObjectTagging"));
    int result = 0;
    if (codec_for(API_RESTXML)->decode(c->arena, &s3_api, c->operation, &request, &in, &why) != 0)
        result = fail(c, &s3_malformed_xml, "%.*s", SLICE_ARG(why));
    if (result == 0)
        result = s3_put_object_tagging(c, &in, &out);
    c->request = before;
    return result;
}

static void answer(struct call *c, const struct form *form, slice bucket, slice key,
                   const struct s3_put_object_out *out, struct msg *reply)
{
    slice redirect = pair_get(&form->fields, S("success_action_redirect"));
    slice status = pair_get(&form->fields, S("success_action_status"));
    slice location = arena_printf(c->arena, "http://%.*s/%.*s/%.*s", SLICE_ARG(c->request->host), SLICE_ARG(bucket),
                                  SLICE_ARG(uri_encode(c->arena, key, false)));
    slice lines = arena_printf(c->arena, "ETag: %.*s\nLocation: %.*s\n", SLICE_ARG(out->e_tag), SLICE_ARG(location));
    *reply = (struct msg){.status = 204, .headers = lines};
    if (!slice_empty(redirect)) {
        char mark = slice_index(redirect, '?') < redirect.len ? '&' : '?';
        reply->status = 303;
        reply->headers = arena_printf(c->arena, "ETag: %.*s\nLocation: %.*s%cbucket=%.*s&key=%.*s&etag=%.*s\n",
                                      SLICE_ARG(out->e_tag), SLICE_ARG(redirect), mark, SLICE_ARG(bucket),
                                      SLICE_ARG(uri_encode(c->arena, key, false)),
                                      SLICE_ARG(uri_encode(c->arena, out->e_tag, false)));
    } else if (slice_eq(status, S("200"))) {
        reply->status = 200;
    } else if (slice_eq(status, S("201"))) {
        struct buf xml;
        buf_init(&xml, c->arena);
        buf_add(&xml, S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse>"));
        xml_element(&xml, S("Location"), location);
        xml_element(&xml, S("Bucket"), bucket);
        xml_element(&xml, S("Key"), key);
        xml_element(&xml, S("ETag"), out->e_tag);
        buf_add(&xml, S("</PostResponse>"));
        reply->status = 201;
        reply->content_type = S("application/xml");
        reply->body = buf_slice(&xml);
    }
}

int post_run(struct call *c, slice bucket, slice boundary, struct msg *reply)
{
    struct post_body body;
    struct s3_put_object_out out = {0};
    TRY(post_body_read(c, boundary, &body));
    const struct form form = body.form;
    if (form.has_file && body.file_at > LIMIT_POST_FIELDS_BYTES)
        return fail(c, &s3_max_post_pre_data_length_exceeded_error,
                    "Your POST request fields preceding the upload file were too large.");
    if (!form.has_file)
        return fail(c, &s3_invalid_argument, "POST requires exactly one file upload per request.");
    slice key = key_of(c, &form);
    if (slice_empty(key))
        return fail(
            c, &s3_user_key_must_be_specified,
            "The bucket POST must contain the specified field name.  If it is specified, please check the order "
            "of the fields.");
    TRY(post_check_signature(c, &form.fields, bucket, key));
    TRY(check_policy(c, &form, bucket));
    TRY(put(c, &body, bucket, key, &out));
    TRY(tag(c, &form, bucket, key));
    answer(c, &form, bucket, key, &out, reply);
    return 0;
}
