/* manifest: see manifest.h. */
#include "services/ecr/manifest.h"

#include "common/arena.h"
#include "common/err.h"
#include "common/json.h"
#include "common/list.h"
#include "services/ecr/content.h"

enum { TAG_BYTES = 128, MAX_REFS = 10000 };

static const slice image_types[] = {
    {"application/vnd.oci.image.manifest.v1+json", 42},
    {"application/vnd.docker.distribution.manifest.v2+json", 52},
};

static const slice index_types[] = {
    {"application/vnd.oci.image.index.v1+json", 39},
    {"application/vnd.docker.distribution.manifest.list.v2+json", 57},
};

bool manifest_is_tag(slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!word && (i == 0 || (c != '.' && c != '-')))
            return false;
    }
    return text.len > 0 && text.len <= TAG_BYTES;
}

bool manifest_is_index(slice media_type)
{
    return slice_eq(media_type, index_types[0]) || slice_eq(media_type, index_types[1]);
}

static bool is_image(slice media_type)
{
    return slice_eq(media_type, image_types[0]) || slice_eq(media_type, image_types[1]);
}

static int read_descriptor(const struct val *value, struct descriptor *descriptor, slice *why)
{
    descriptor->digest = val_get_string(value, S("digest"));
    descriptor->media_type = val_get_string(value, S("mediaType"));
    descriptor->bytes = val_get_int(value, S("size"), -1);
    *why = S("a descriptor is no object with digest, mediaType and size");
    if (value->type != VAL_OBJECT || !descriptor->media_type.ptr || descriptor->bytes < 0)
        return BAD_INPUT;
    *why = S("a digest is not of the form ALGORITHM:HEX");
    return content_is_digest(descriptor->digest) ? 0 : BAD_INPUT;
}

static int add(struct arena *arena, const struct val *value, bool is_manifest, struct manifest *manifest, slice *why)
{
    struct descriptor descriptor = {.is_manifest = is_manifest};
    TRY(read_descriptor(value, &descriptor, why));
    *why = S("it names too much");
    if (manifest->refs.len >= MAX_REFS || descriptor.bytes > INT64_MAX - manifest->bytes)
        return BAD_INPUT;
    descriptor.foreign = val_get(value, S("urls")) != NULL || slice_find(descriptor.media_type, S(".foreign.")) >= 0 ||
                         slice_find(descriptor.media_type, S(".nondistributable.")) >= 0;
    manifest->bytes += descriptor.bytes;
    *list_add(arena, &manifest->refs) = descriptor;
    return 0;
}

static int add_all(struct arena *arena, const struct val *array, bool is_manifest, struct manifest *manifest,
                   slice *why)
{
    *why = is_manifest ? S("manifests is no array") : S("layers is no array");
    if (!array || array->type != VAL_ARRAY)
        return BAD_INPUT;
    list_foreach (item, &array->array)
        TRY(add(arena, item, is_manifest, manifest, why));
    return 0;
}

static int read_image(struct arena *arena, const struct val *document, struct manifest *manifest, slice *why)
{
    const struct val *config = val_get(document, S("config"));
    *why = S("it has no config");
    if (!config)
        return BAD_INPUT;
    TRY(add(arena, config, false, manifest, why));
    if (!manifest->artifact_type.ptr)
        manifest->artifact_type = val_get_string(config, S("mediaType"));
    return add_all(arena, val_get(document, S("layers")), false, manifest, why);
}

/* What it is, by what the client and the document say. */
static int read_type(const struct val *document, slice said, struct manifest *manifest, slice *why)
{
    slice own = val_get_string(document, S("mediaType"));
    *why = S("the media type given and the one in the manifest differ");
    if (said.len > 0 && own.ptr && !slice_eq(said, own))
        return BAD_INPUT;
    manifest->media_type = said.len > 0 ? said : own;
    if (!manifest->media_type.ptr)
        manifest->media_type = val_get(document, S("manifests")) ? index_types[0] : image_types[0];
    *why = S("its media type is not that of an image manifest or index");
    return is_image(manifest->media_type) || manifest_is_index(manifest->media_type) ? 0 : BAD_INPUT;
}

int manifest_parse(struct arena *arena, slice text, slice media_type, struct manifest *manifest, slice *why)
{
    struct val document;
    struct descriptor subject;
    *manifest = (struct manifest){0};
    TRY(json_parse(arena, text, &document, why));
    *why = S("schemaVersion is not 2");
    if (document.type != VAL_OBJECT || val_get_int(&document, S("schemaVersion"), 0) != 2)
        return BAD_INPUT;
    TRY(read_type(&document, media_type, manifest, why));
    manifest->artifact_type = val_get_string(&document, S("artifactType"));
    const struct val *about = val_get(&document, S("subject"));
    if (about && about->type != VAL_NULL) {
        TRY(read_descriptor(about, &subject, why));
        manifest->subject = subject.digest;
    }
    if (manifest_is_index(manifest->media_type))
        return add_all(arena, val_get(&document, S("manifests")), true, manifest, why);
    return read_image(arena, &document, manifest, why);
}

slice manifest_annotations(struct arena *arena, slice text)
{
    struct val document;
    slice why;
    if (json_parse(arena, text, &document, &why) != 0)
        return (slice){NULL, 0};
    const struct val *annotations = val_get(&document, S("annotations"));
    return annotations && annotations->type == VAL_OBJECT ? json_text(arena, annotations) : (slice){NULL, 0};
}
