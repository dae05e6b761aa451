/* name: how functions are named: by name, partial or whole ARN, with a qualifier behind it or beside it. */
#include "services/lambda/lambda.h"

enum { MAX_NAME = 64, MAX_PARTS = 9 };

static bool is_account(slice text)
{
    int64_t ignored;
    return text.len == 12 && text.ptr[0] != '-' && slice_to_int64(text, &ignored);
}

static size_t split(slice text, slice parts[MAX_PARTS])
{
    size_t n = 0;
    while (text.ptr && n < MAX_PARTS)
        slice_cut(text, ':', &parts[n++], &text);
    return n;
}

/* The model's pattern has been checked: what is left is to say which part is which. */
static void read_parts(const slice *parts, size_t n, struct function_name *name)
{
    size_t at = 0;
    if (n > 3 && slice_eq(parts[0], S("arn"))) {
        name->region = parts[3];
        at = 4;
    } else if (n > 2 && is_account(parts[1])) {
        name->region = parts[0];
        at = 1;
    }
    if (at + 1 < n && is_account(parts[at]))
        name->account = parts[at++];
    if (at + 1 < n && slice_eq(parts[at], S("function")))
        at++;
    name->name = at < n ? parts[at] : S("");
    if (at + 1 < n)
        name->qualifier = parts[at + 1];
}

int name_parse(struct call *c, slice text, slice qualifier, struct function_name *name)
{
    slice parts[MAX_PARTS];
    *name = (struct function_name){.account = c->account, .region = c->region};
    read_parts(parts, split(text, parts), name);
    if (name->name.len > MAX_NAME)
        return fail(c, &lambda_invalid_parameter_value,
                    "1 validation error detected: Value '%.*s' at 'functionName' failed to satisfy constraint: Member "
                    "must have length less than or equal to 64",
                    SLICE_ARG(text));
    if (!slice_eq(name->region, c->region))
        return fail(c, &lambda_resource_not_found, "Functions from '%.*s' are not reachable in this region ('%.*s')",
                    SLICE_ARG(name->region), SLICE_ARG(c->region));
    if (qualifier.len > 0 && name->qualifier.len > 0 && !slice_eq(qualifier, name->qualifier))
        return fail(c, &lambda_invalid_parameter_value,
                    "The derived qualifier from the function name does not match the specified qualifier.");
    if (qualifier.len > 0)
        name->qualifier = qualifier;
    return 0;
}

slice name_arn_of(struct call *c, const struct function_name *name)
{
    return arena_printf(c->arena, "arn:aws:lambda:%.*s:%.*s:function:%.*s%s%.*s", SLICE_ARG(name->region),
                        SLICE_ARG(name->account), SLICE_ARG(name->name), name->qualifier.len > 0 ? ":" : "",
                        SLICE_ARG(name->qualifier));
}

slice name_arn(struct call *c, const struct function *f)
{
    return name_qualified_arn(c, f, (slice){NULL, 0});
}

slice name_qualified_arn(struct call *c, const struct function *f, slice qualifier)
{
    return name_arn_of(c, &(struct function_name){f->account, f->region, f->name, qualifier});
}

slice name_version(struct call *c, int64_t number)
{
    return number == 0 ? S("$LATEST") : arena_printf(c->arena, "%lld", (long long)number);
}

int64_t name_version_number(slice qualifier)
{
    int64_t number;
    if (qualifier.len == 0 || slice_eq(qualifier, S("$LATEST")))
        return 0;
    return slice_to_int64(qualifier, &number) && number > 0 ? number : -1;
}

slice name_access_point(slice arn)
{
    static const slice marker = S(":access-point/");
    ssize_t at = slice_find(arn, marker);
    return at < 0 ? arn : slice_sub(arn, (size_t)at + marker.len, arn.len);
}
