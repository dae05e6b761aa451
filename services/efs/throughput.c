/* throughput: throughput modes, and how often AWS lets them be changed. */
#include "services/efs/efs.h"

static const int64_t day_ms = 24 * 3600 * 1000LL;
static const double most_mibps = 3414;

int throughput_check(struct call *c, slice mode, struct opt_double provisioned, slice performance_mode)
{
    bool is_provisioned = slice_eq(mode, S("provisioned"));
    if (is_provisioned && !provisioned.set)
        return fail(c, &efs_bad_request,
                    "When you set ThroughputMode to provisioned, you must also set ProvisionedThroughputInMibps.");
    if (!is_provisioned && provisioned.set)
        return fail(c, &efs_bad_request,
                    "ProvisionedThroughputInMibps can only be set when ThroughputMode is provisioned.");
    if (is_provisioned && provisioned.v > most_mibps)
        return fail(c, &efs_throughput_limit_exceeded, "The throughput limit of %.0f MiB/s is exceeded.", most_mibps);
    if (slice_eq(mode, S("elastic")) && slice_eq(performance_mode, S("maxIO")))
        return fail(c, &efs_bad_request, "Elastic throughput is not supported with the maxIO performance mode.");
    return 0;
}

/* Lowering it and changing its mode are allowed once a day. */
static bool eases(const struct file_system *fs, slice mode, double throughput)
{
    return !slice_eq(mode, fs->throughput_mode) || throughput < fs->throughput;
}

int efs_update_file_system(struct call *c, const struct efs_update_file_system_in *in,
                           struct efs_update_file_system_out *out)
{
    struct file_system fs;
    TRY(file_system_get_available(c, in->file_system_id, &fs));
    slice mode = in->throughput_mode.ptr ? in->throughput_mode : fs.throughput_mode;
    struct opt_double provisioned = in->provisioned_throughput_in_mibps;
    if (!provisioned.set && slice_eq(mode, fs.throughput_mode) && fs.throughput > 0)
        provisioned = opt_double(fs.throughput);
    TRY(throughput_check(c, mode, provisioned, fs.performance_mode));
    bool easing = eases(&fs, mode, provisioned.set ? provisioned.v : 0);
    if (easing && fs.eased_ms > 0 && c->now_ms < fs.eased_ms + day_ms)
        return fail(c, &efs_too_many_requests,
                    "You can decrease provisioned throughput or change the throughput mode only once in 24 hours.");
    fs.throughput_mode = mode;
    fs.throughput = provisioned.set ? provisioned.v : 0;
    fs.eased_ms = easing ? c->now_ms : fs.eased_ms;
    db_run(c->db, EFS_SQL_FILE_SYSTEM_THROUGHPUT, "tdii", fs.throughput_mode, fs.throughput, fs.eased_ms, fs.id);
    struct opt_int end = efs_state_end(c);
    fs.state = end.set ? S("updating") : S("available");
    db_run(c->db, EFS_SQL_FILE_SYSTEM_STATE, "tIi", fs.state, end, fs.id);
    file_system_describe(c, &fs, out);
    return 0;
}
