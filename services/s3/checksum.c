/* checksum: what a request says about its body against what the router has computed, and checksums as members of
 * structures. */
#include "services/s3/s3.h"

#include "common/base64.h"
#include "common/buf.h"

static const struct {
    unsigned algorithm;
    slice word;
    slice member;
    slice header;
} kinds[] = {
    {DIGEST_CRC32, {"CRC32", 5}, {"ChecksumCRC32", 13}, {"x-amz-checksum-crc32", 20}},
    {DIGEST_CRC32C, {"CRC32C", 6}, {"ChecksumCRC32C", 14}, {"x-amz-checksum-crc32c", 21}},
    {DIGEST_CRC64NVME, {"CRC64NVME", 9}, {"ChecksumCRC64NVME", 17}, {"x-amz-checksum-crc64nvme", 24}},
    {DIGEST_SHA1, {"SHA1", 4}, {"ChecksumSHA1", 12}, {"x-amz-checksum-sha1", 19}},
    {DIGEST_SHA256, {"SHA256", 6}, {"ChecksumSHA256", 14}, {"x-amz-checksum-sha256", 21}},
    {DIGEST_SHA512, {"SHA512", 6}, {"ChecksumSHA512", 14}, {"x-amz-checksum-sha512", 21}},
    {DIGEST_MD5, {"MD5", 3}, {"ChecksumMD5", 11}, {"x-amz-checksum-md5", 18}},
    {DIGEST_XXHASH64, {"XXHASH64", 8}, {"ChecksumXXHASH64", 16}, {"x-amz-checksum-xxhash64", 23}},
    {DIGEST_XXHASH3, {"XXHASH3", 7}, {"ChecksumXXHASH3", 15}, {"x-amz-checksum-xxhash3", 22}},
    {DIGEST_XXHASH128, {"XXHASH128", 9}, {"ChecksumXXHASH128", 17}, {"x-amz-checksum-xxhash128", 24}},
};

enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

slice checksum_word(unsigned algorithm)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i].algorithm == algorithm)
            return kinds[i].word;
    }
    return (slice){NULL, 0};
}

int checksum_named(struct call *c, slice word, unsigned *algorithm)
{
    *algorithm = digest_named(word);
    if (*algorithm != 0)
        return 0;
    return fail(c, &s3_invalid_request,
                "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
                "[CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64]");
}

static slice *member_of(const struct api_shape *shape, void *object, unsigned algorithm)
{
    for (size_t i = 0; i < KINDS; i++) {
        for (size_t j = 0; kinds[i].algorithm == algorithm && j < shape->n_members; j++) {
            if (slice_eq(shape->members[j].name, kinds[i].member))
                return (slice *)(void *)((char *)object + shape->members[j].offset);
        }
    }
    return NULL;
}

void checksum_set(const struct api_shape *shape, void *object, const struct checksum *checksum)
{
    slice *place = checksum && checksum->algorithm ? member_of(shape, object, checksum->algorithm) : NULL;
    if (place)
        *place = checksum->value;
}

slice checksum_member(const struct api_shape *shape, const void *object, unsigned algorithm)
{
    slice *place = member_of(shape, (void *)(uintptr_t)object, algorithm);
    return place ? *place : (slice){NULL, 0};
}

unsigned checksum_of(const struct api_shape *shape, const void *object)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (checksum_member(shape, object, kinds[i].algorithm).ptr)
            return kinds[i].algorithm;
    }
    return 0;
}

/* The router leaves out the digests of bodies that a form has inside. */
static slice computed(struct call *c, unsigned algorithm)
{
    slice digest = digest_get(c->arena, c->request->digests, algorithm);
    if (digest.ptr)
        return digest;
    uint8_t *bytes = arena_alloc(c->arena, DIGEST_MAX_BYTES);
    size_t len = digest_of(algorithm, c->request->body, bytes);
    return (slice){(const char *)bytes, len};
}

static slice hex_of(struct call *c, slice bytes)
{
    static const char hex[] = "0123456789abcdef";
    char *text = arena_alloc(c->arena, bytes.len * 2 + 1);
    for (size_t i = 0; i < bytes.len; i++) {
        text[2 * i] = hex[(unsigned char)bytes.ptr[i] >> 4];
        text[2 * i + 1] = hex[bytes.ptr[i] & 15];
    }
    return (slice){text, bytes.len * 2};
}

slice checksum_md5_hex(struct call *c)
{
    return hex_of(c, computed(c, DIGEST_MD5));
}

slice checksum_etag(struct call *c, slice digests)
{
    return arena_printf(c->arena, "\"%.*s\"", SLICE_ARG(hex_of(c, digest_get(c->arena, digests, DIGEST_MD5))));
}

static int check_md5(struct call *c)
{
    slice said = msg_header(c->request, S("content-md5")), bytes;
    if (!said.ptr)
        return 0;
    if (base64_decode(c->arena, said, &bytes) != 0 || bytes.len != digest_size(DIGEST_MD5))
        return fail(c, &s3_invalid_digest, "The Content-MD5 you specified was invalid.");
    if (!slice_eq(bytes, computed(c, DIGEST_MD5)))
        return fail(c, &s3_bad_digest, "The Content-MD5 you specified did not match what we received.");
    return 0;
}

static int check_content_hash(struct call *c)
{
    slice said = msg_header(c->request, S("x-amz-content-sha256"));
    slice digest = digest_get(c->arena, c->request->digests, DIGEST_SHA256);
    enum { HEX = 64 };
    if (said.len != HEX || !digest.ptr)
        return 0;
    struct buf hex;
    buf_init(&hex, c->arena);
    for (size_t i = 0; i < digest.len; i++)
        buf_printf(&hex, "%02x", (unsigned char)digest.ptr[i]);
    if (slice_eq_nocase(said, buf_slice(&hex)))
        return 0;
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("ClientComputedContentSHA256"), val_string(said));
    val_set(c->arena, extra, S("S3ComputedContentSHA256"), val_string(buf_slice(&hex)));
    return fail_with(c, &s3_x_amz_content_sha256_mismatch, extra,
                     "The provided 'x-amz-content-sha256' header does not match what was computed.");
}

static slice trailer(struct call *c, slice name)
{
    const struct msg trailers = {.headers = c->request->trailers};
    return msg_header(&trailers, name);
}

static int check_value(struct call *c, size_t kind, slice said, struct checksum *checksum)
{
    slice bytes, digest = computed(c, kinds[kind].algorithm);
    if (base64_decode(c->arena, said, &bytes) != 0 || bytes.len != digest.len)
        return fail(c, &s3_invalid_request, "Value for %.*s header is invalid.", SLICE_ARG(kinds[kind].header));
    if (!slice_eq(bytes, digest))
        return fail(c, &s3_bad_digest, "The %.*s you specified did not match the calculated checksum.",
                    SLICE_ARG(kinds[kind].word));
    checksum->algorithm = kinds[kind].algorithm;
    checksum->value = base64_encode(c->arena, digest);
    return 0;
}

int checksum_verify(struct call *c, struct checksum *checksum)
{
    size_t said_values = 0;
    *checksum = (struct checksum){0};
    TRY(check_md5(c));
    TRY(check_content_hash(c));
    for (size_t i = 0; i < KINDS; i++) {
        slice said = msg_header(c->request, kinds[i].header);
        if (!said.ptr)
            said = trailer(c, kinds[i].header);
        if (said.ptr && ++said_values > 1)
            return fail(c, &s3_invalid_request,
                        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
        if (said.ptr)
            TRY(check_value(c, i, said, checksum));
    }
    slice word = msg_header(c->request, S("x-amz-sdk-checksum-algorithm"));
    unsigned algorithm = 0;
    if (word.ptr)
        TRY(checksum_named(c, word, &algorithm));
    if (checksum->algorithm == 0 && algorithm != 0)
        *checksum = (struct checksum){algorithm, base64_encode(c->arena, computed(c, algorithm))};
    return 0;
}

void checksum_default(struct call *c, struct checksum *checksum)
{
    bool known = digest_get(c->arena, c->request->digests, DIGEST_CRC64NVME).ptr || slice_empty(c->request->body_file);
    if (checksum->algorithm == 0 && known)
        *checksum = (struct checksum){DIGEST_CRC64NVME, base64_encode(c->arena, computed(c, DIGEST_CRC64NVME))};
}
