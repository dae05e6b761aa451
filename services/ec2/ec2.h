/* ec2: what the files of the ec2 service share: resources with their documents, look-ups that answer by themselves,
 * lists with filters, and the parts that several operations make. */
#pragma once

#include "common/opt.h"
#include "ec2_api.h"
#include "services/ec2/cidr.h"
#include "services/worker/call.h"

struct val;

enum ec2_sql {
#define SQL(name, text) EC2_SQL_##name,
#include "services/ec2/sql.def"
#undef SQL
};

extern const struct service ec2_process;

/* The kinds of resources; their numbers are stored, so new ones go to the end. */
enum kind {
    KIND_VPC,
    KIND_SUBNET,
    KIND_INTERNET_GATEWAY,
    KIND_NAT_GATEWAY,
    KIND_ROUTE_TABLE,
    KIND_SECURITY_GROUP,
    KIND_SECURITY_GROUP_RULE,
    KIND_NETWORK_ACL,
    KIND_NETWORK_INTERFACE,
    KIND_ADDRESS,
    KIND_DHCP_OPTIONS,
    KIND_VPC_ENDPOINT,
    KIND_PREFIX_LIST,
    KIND_EGRESS_ONLY_GATEWAY,
    N_KINDS,
};

/* kinds.c: what distinguishes them. */
struct kind_facet {
    slice filter; /* the filter's name */
    slice path;   /* where its values are in the document: "Attachments.VpcId" goes through lists */
};

struct kind_traits {
    slice prefix; /* of the ids, with '-' */
    slice type;   /* as tag specifications and DescribeTags call it */
    slice id;     /* the document's member with the id */
    slice tags;   /* the document's member with the tags */
    const struct api_shape *shape;
    const struct api_error *not_found;
    const struct api_error *malformed;
    slice missing;                   /* "The vpc ID '%' does not exist": % stands for the id */
    const struct kind_facet *facets; /* terminated by an absent filter */
};

extern const struct kind_traits kinds[N_KINDS];

/* The kind whose ids begin like this one; N_KINDS when there is none. */
enum kind kind_of_id(slice id);

/* resource.c */
struct resource {
    int64_t row;
    enum kind kind;
    slice id;
    slice vpc, subnet, parent; /* absent: in none */
    slice extra;               /* JSON; absent: none */
    slice text;                /* the document, as read */
};

/* The number of the caller's account and region, by which everything is found: 0 before its first call, so never in a
 * handler (default_network_ensure adds it), except when the database has failed. */
int64_t resource_scope(struct call *c);
void resource_add_scope(struct call *c);

/* A new id of that kind. */
slice resource_new_id(struct call *c, enum kind kind);

/* "PREFIX-0…": the id of a part of a resource, as an association or attachment. */
slice resource_new_part_id(struct call *c, const char *prefix);

/* Reads the resource of that kind into doc (zeroed, of the kind's shape). Answers 0, or CALL_FAILED with the kind's
 * "malformed" or "not found". */
int resource_get(struct call *c, enum kind kind, slice id, struct resource *resource, void *doc);

/* The same without an error: false when there is none. */
bool resource_find(struct call *c, enum kind kind, slice id, struct resource *resource, void *doc);

/* Writes doc: of a new resource (row 0; id, kind and places set), or a changed one. Filters and tags follow the
 * document. */
void resource_save(struct call *c, struct resource *resource, const void *doc);
void resource_delete(struct call *c, const struct resource *resource);

/* Deleted, but shown for an hour in its last state. */
void resource_end(struct call *c, struct resource *resource, const void *doc);

/* The documents of all resources of a kind at a place, oldest first. */
struct resource_list {
    struct resource *items;
    size_t len;
    bool set;
};
struct resource_list resource_in(struct call *c, int place, slice where, enum kind kind);

/* Fills doc from a listed resource. */
void resource_read(struct call *c, const struct resource *resource, void *doc);

/* The id of the oldest resource of that kind with this value under that filter, or absent. */
slice resource_with(struct call *c, enum kind kind, const char *filter, slice value);

/* arn:aws:ec2:R:A:TYPE/ID */
slice resource_arn(struct call *c, enum kind kind, slice id);

/* A boolean of the extra part. */
bool resource_extra(struct call *c, const struct resource *resource, const char *name);
void resource_set_extra(struct call *c, struct resource *resource, const char *name, bool value);

/* Whether the id looks like one of that kind. */
bool resource_is_id(enum kind kind, slice id);

/* listing.c */
struct listing {
    enum kind kind;
    const void *ids; /* a list of slices */
    const struct ec2_filter_list *filters;
    struct opt_int max_results;
    slice next_token;
    struct opt_bool dry_run;
    bool gone_too; /* those that ended are shown */
};

/* Fills *out (a list of the kind's structures) with those that the caller asked for; *next_token continues. */
int listing_run(struct call *c, const struct listing *listing, void *out, slice *next_token);

/* Filters over things that are no resources: value_of answers the values under a filter's name, or false when there is
 * no such filter. Answers CALL_FAILED for a filter that does not exist. */
typedef bool listing_value_fn(const void *item, slice filter, slice *value);
int listing_check(struct call *c, const struct ec2_filter_list *filters, listing_value_fn *value_of, const void *item,
                  bool *matches);

/* common.c */

/* The end of every check: with DryRun set, DryRunOperation. */
int common_dry_run(struct call *c, struct opt_bool dry_run);

/* The tags given for a new resource of that kind. */
int common_tags(struct call *c, enum kind kind, const struct ec2_tag_specification_list *specifications,
                struct ec2_tag_list *tags);
int common_check_tags(struct call *c, const struct ec2_tag_list *tags);

/* What an earlier call with this client token made: *id, or absent. Another request with it is an error. */
int common_token(struct call *c, slice token, const struct api_shape *shape, const void *in, slice *id);
void common_remember(struct call *c, slice token, const struct api_shape *shape, const void *in, slice id);

/* "The request must contain the parameter X". */
int common_missing(struct call *c, const char *parameter);

/* default_network.c: in an account's first call in a region, makes its default VPC with what belongs to it. Answers 0.
 */
int default_network_ensure(struct call *c);

/* vpc.c */

/* Completes and saves a VPC whose range, tenancy and tags are set, with its main route table, default network ACL and
 * default security group. An id that is set is kept. */
void vpc_make(struct call *c, struct ec2_vpc *vpc);

slice vpc_default_dhcp_options(struct call *c);

/* subnet.c: completes and saves a subnet whose VPC, range, zone and tags are set. An id that is set is kept. */
void subnet_make(struct call *c, struct ec2_subnet *subnet);

/* gateway.c: a new internet gateway, attached. Answers its id. */
slice gateway_make_attached(struct call *c, slice vpc_id);

/* addresses.c: private addresses of subnets. */

/* Takes the wanted address (absent: any free one) for owner. */
int addresses_take(struct call *c, const struct ec2_subnet *subnet, slice wanted, slice owner, slice *address);
void addresses_release(struct call *c, slice owner);
void addresses_release_one(struct call *c, slice subnet_id, slice address);

/* How many are left. */
int64_t addresses_free(struct call *c, const struct ec2_subnet *subnet);

/* zone.c */
struct zone {
    slice name;
    slice id;
};
struct zone_list {
    struct zone *items;
    size_t len;
    bool set;
};
struct zone_list zone_list(struct call *c);

/* The zone of that name or id, or the region's first when both are absent. */
int zone_get(struct call *c, slice name, slice id, struct zone *zone);

/* route_table.c */
void route_table_make_main(struct call *c, const struct ec2_vpc *vpc);
void route_table_add_default_route(struct call *c, slice vpc_id, slice gateway_id);

/* The VPC has a further range, or no longer has it: local routes follow. */
void route_table_follow_cidr(struct call *c, slice vpc_id, slice cidr, bool added);
void route_table_forget_subnet(struct call *c, slice vpc_id, slice subnet_id);

/* network_acl.c */
void network_acl_make_default(struct call *c, const struct ec2_vpc *vpc);

/* A new subnet has its VPC's default ACL. */
void network_acl_associate(struct call *c, slice vpc_id, slice subnet_id);
void network_acl_forget_subnet(struct call *c, slice vpc_id, slice subnet_id);

/* security_group.c */
void security_group_make_default(struct call *c, slice vpc_id);

/* The group's document repeats its rules. */
void security_group_refresh(struct call *c, slice group_id);

/* By id, or by name in the default VPC. */
int security_group_get(struct call *c, slice id, slice name, struct resource *resource,
                       struct ec2_security_group *group);
bool security_group_find_named(struct call *c, slice vpc_id, slice name, struct ec2_security_group *group);

/* rule.c */
struct rule {
    struct resource resource;
    struct ec2_security_group_rule doc;
};
struct rule_list {
    struct rule *items;
    size_t len;
    bool set;
};
struct rule_list rule_of_group(struct call *c, slice group_id);

/* Whether two rules allow the same, whatever their descriptions. */
bool rule_same(const struct ec2_security_group_rule *a, const struct ec2_security_group_rule *b);

/* Completes and saves a new rule of the group. */
void rule_add(struct call *c, const struct ec2_security_group *group, struct ec2_security_group_rule *rule);

/* Adds the rule to permissions as AWS groups them. */
void rule_show(struct call *c, const struct ec2_security_group_rule *rule, struct ec2_ip_permission_list *list);
void rule_fill_group(struct call *c, struct ec2_security_group *group);

/* Whether a rule of another group names this one. */
bool rule_is_referenced(struct call *c, slice group_id);

/* interface.c */
struct interface_order {
    const struct ec2_subnet *subnet;
    slice description;
    slice type;
    slice address; /* absent: any */
    struct slice_list groups;
    struct ec2_tag_list tags;
    slice requester; /* present: made for a service, which it is attached to */
    struct opt_bool dry_run;
};
int interface_make(struct call *c, const struct interface_order *order, struct ec2_network_interface *interface);

/* Removes it with its addresses. */
void interface_remove(struct call *c, const struct resource *resource);

/* ip-A-B-C-D.ec2.internal, or with the region's name */
slice interface_dns_name(struct call *c, slice address);

/* requester.c: events of other services. */
int requester_create(struct call *c, slice body);
int requester_delete(struct call *c, slice body);

/* address.c */

/* Associates an Elastic IP address with a private address of the interface (absent: its primary one). */
int address_associate(struct call *c, slice allocation_id, struct resource *interface_resource,
                      struct ec2_network_interface *interface, slice private_ip, struct ec2_address *address);
void address_forget_interface(struct call *c, slice interface_id);
void address_release_association(struct call *c, slice association_id);

/* prefix_list.c */
void prefix_list_make_all(struct call *c);
slice prefix_list_of_service(struct call *c, slice service_name);
