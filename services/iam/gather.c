/* gather: all policies that bear on a user, a role or a group, parsed. */
#include "services/iam/iam.h"

void gather_text(struct call *c, slice text, slice id, slice type, struct policy_source_list *out)
{
    struct policy *policy;
    slice why;
    /* What is stored has been checked; what is not cannot allow anything. */
    if (policy_parse(c->arena, text, POLICY_IDENTITY, &policy, &why) != 0)
        return;
    struct policy_source *source = list_add(c->arena, out);
    source->policy = policy;
    source->text = text;
    source->id = id;
    source->type = type;
    out->set = true;
}

void gather_managed(struct call *c, slice arn, struct policy_source_list *out)
{
    struct managed managed;
    out->set = true;
    if (managed_find(c, arn, &managed))
        gather_text(c, managed_default_document(c, &managed), managed.name,
                    managed.aws ? S("aws-managed") : S("user-managed"), out);
}

static void gather_own(struct call *c, const struct entity *owner, struct policy_source_list *out)
{
    static const char *const words[] = {[ENTITY_USER] = "user", [ENTITY_ROLE] = "role", [ENTITY_GROUP] = "group"};
    struct slice_list arns = {0};
    struct db_rows rows = db_query(c->db, IAM_SQL_INLINE_LIST, "it", owner->id, S(""));
    while (db_next(&rows)) {
        slice id = arena_printf(c->arena, "%s_%.*s_%.*s", words[owner->kind], SLICE_ARG(owner->name),
                                SLICE_ARG(db_text(&rows, 0)));
        gather_text(c, db_text(&rows, 1), id, S("IAM Policy"), out);
    }
    rows = db_query(c->db, IAM_SQL_ATTACHMENT_LIST, "it", owner->id, S(""));
    while (db_next(&rows))
        *list_add(c->arena, &arns) = db_text(&rows, 0);
    list_foreach (arn, &arns)
        gather_managed(c, *arn, out);
}

void gather_entity(struct call *c, const struct entity *owner, struct policy_set *set)
{
    struct entity group;
    struct entity_list {
        struct entity *items;
        size_t len;
        bool set;
    } groups = {0};
    gather_own(c, owner, &set->identity);
    if (owner->kind == ENTITY_USER) {
        struct db_rows rows = db_query(c->db, IAM_SQL_MEMBER_CONTAINERS, "it", owner->id, S(""));
        while (entity_next(c, &rows, ENTITY_GROUP, &group))
            *list_add(c->arena, &groups) = group;
    }
    list_foreach (one, &groups)
        gather_own(c, one, &set->identity);
    if (owner->boundary.ptr)
        gather_managed(c, owner->boundary, &set->boundary);
}

int gather_find_principal(struct call *c, slice arn, struct entity *entity)
{
    static const struct {
        const char *word;
        enum entity_kind kind;
    } kinds[] = {{":user/", ENTITY_USER}, {":role/", ENTITY_ROLE}, {":group/", ENTITY_GROUP}};
    slice name = arn;
    while (slice_index(name, '/') < name.len)
        name = slice_sub(name, slice_index(name, '/') + 1, name.len);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (slice_find(arn, slice_of(kinds[i].word)) >= 0 && entity_find(c, kinds[i].kind, name, entity) &&
            slice_eq(entity_arn(c, entity), arn))
            return 0;
    }
    if (slice_starts(arn, S("arn:aws:iam::")) && slice_ends(arn, S(":root")))
        return fail(c, &iam_invalid_input, "The root account can not be simulated.");
    return fail(c, &iam_no_such_entity, "Entity %.*s does not exist.", SLICE_ARG(arn));
}
