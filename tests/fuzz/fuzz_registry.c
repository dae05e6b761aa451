/* fuzz_registry: the registry's paths, ranges and manifests: the first line is a path, the second a range, the third a
 * media type, the rest a manifest. */
#include "tests/fuzz/fuzz.h"

#include "common/list.h"
#include "services/ecr/content.h"
#include "services/ecr/manifest.h"
#include "services/ecr/registry_path.h"

static void fuzz_manifest(struct arena *arena, slice media_type, slice text)
{
    struct manifest manifest;
    slice why = {NULL, 0};
    if (manifest_parse(arena, text, media_type, &manifest, &why) != 0) {
        fuzz_check(why.ptr != NULL);
        return;
    }
    fuzz_check(manifest.bytes >= 0 && manifest.media_type.len > 0);
    list_foreach (ref, &manifest.refs)
        fuzz_check(content_is_digest(ref->digest) && ref->bytes >= 0);
    manifest_annotations(arena, text);
}

static void fuzz_one(struct arena *arena, slice bytes)
{
    struct registry_path path;
    slice line, range, media_type, rest;
    int64_t first, length;
    slice_cut(bytes, '\n', &line, &rest);
    slice_cut(rest, '\n', &range, &rest);
    slice_cut(rest, '\n', &media_type, &rest);
    if (registry_path_parse(arena, line, &path)) {
        fuzz_check(path.kind < REGISTRY_N_KINDS && path.name.ptr && path.reference.ptr);
        if (registry_path_is_name(path.name))
            fuzz_check(path.name.len >= 2 && path.name.len <= 256 && slice_find(path.name, S("..")) < 0);
        manifest_is_tag(path.reference);
    }
    if (registry_path_range(range, (int64_t)bytes.len, &first, &length))
        fuzz_check(first >= 0 && length > 0 && first + length <= (int64_t)bytes.len);
    if (registry_path_chunk(range, &first, &length))
        fuzz_check(first >= 0 && length >= first);
    fuzz_manifest(arena, media_type, rest.ptr ? rest : S(""));
}
