/* runner: the events between the runner and the workers that own what it runs (ecs, lambda), and from the runner to
 * logs. All are MSG_EVENTs with a JSON body, sent at least once, in order per pair of processes, acknowledged by a
 * reply when stored. Instants are wall milliseconds. Absent members mean "not given".
 *
 * To the runner (effects of the owner's outbox; the owner is the envelope's origin):
 *
 *   StartContainer     {"task": id, "container": id, "name": text,
 *     "image": text      as the owner calls it
 *     "command"          [text…]: the whole argument vector (entryPoint + command), for the host's files
 *     "ecr"              the image is of the simulator's own registry: {"account", "region", "repository", "tag" or
 *                        "digest"}; then "entryPoint" and "arguments", both optional, are combined with the image's
 *     "environment"      [[name, value]…]
 *     "workingDirectory", "user", "stopSignal", "hostname": text
 *     "hosts"            further lines of /etc/hosts
 *     "readonlyRoot"     bool
 *     "privileged"       bool: in an image, the kernel's files and devices are not guarded; all capabilities
 *     "capAdd", "capDrop": [name…]
 *     "noNewPrivileges"  bool: no program gives more rights
 *     "init"             bool: an init is process 1, and not the command; so it is always on the host's files
 *     "sandbox"          bool: for code of strangers: nothing can be written to but the mounts, no program gives more
 *                        rights, memory is not shared; without an image the root shows the host's programs and
 *                        libraries, and not what belongs to users or to awssim
 *     "passwd"           what /etc/passwd says, in an image or a sandbox
 *     "ulimits"          [[name, soft, hard]…]
 *     "files"            [soft, hard]: open files without such a ulimit
 *     "processes"        how many there may be at once; without it a ulimit nproc, or --pids-limit
 *     "cpu"              units
 *     "memory", "memoryReservation", "taskMemory": MiB
 *     "mounts"           in order: [{"type": "bind" or "tmpfs", "target": path in the container,
 *       "source"         path on the host, of a bind; "create": bool, a missing source is made
 *       "within"         folder on the host: the source is below it, as are the links in it
 *       "sources"        [path…], directories laid over each other, the lowest first, read-only
 *       "fill"           bool: a new volume: while it is empty, it gets what the image has there
 *       "readOnly"       bool
 *       "size", "options": bytes and as mount(8)'s, of a tmpfs}…]
 *                        A target that does not exist is made in the container only.
 *     "log"              absent: output is dropped. {"account", "region", "group", "stream", "createGroup": bool,
 *                        "mode": "blocking" or "non-blocking", "maxBufferBytes": n}}
 *                      Reply body: {"boot": id of this runner process}
 *   StopContainer      {"task", "container", "signal": "SIGTERM", "killAfterMs": n}
 *                      of one that has not started: it never starts
 *   RemoveTask         {"task"}: its folder and whatever is left of it; its containers are gone
 *   Reset              {}: everything is killed and forgotten; answered when nothing runs any more
 *
 *   RetireEnvironments {"function": ARN, "version": text}   its environments take no more invocations; without version,
 *                      those of all versions
 *
 * Asked of the runner by lambda, a MSG_REQUEST (protocol "internal"); a line of JSON, a newline, and the payload:
 *
 *   InvokeFunction     {"id", "function": ARN, "key": text, "arn": as invoked, "timeoutMs", "tail": bool,
 *                       "stream": "events" or "http", "clientContext": JSON text, "reserved": n or "unreserved": n,
 *                       "plan": {…}}
 *                      key names the configuration; plan is what its environments are made of:
 *                      {"name", "version", "runtime", "runtimeVersion", "runtimeVersionArn", "handler", "memory": MiB,
 *                       "storage": MiB, "environment": [[name, value]…], "code": folder, "layers": [folder…],
 *                       "image", "ecr": as StartContainer's, "entryPoint", "command", "workingDirectory": of an image,
 *                       "fileSystem": {"root" on the host, "path" below it, "target", "uid", "gid"}: of an EFS access
 * point, "log": {"account", "region", "group", "format"}, "expiresAt", "empty": bool (nothing runs, the answer is
 * null), "once": bool (one invocation an environment), "printsAnswer": bool (an image's command that ends without
 * having asked for an event answers with what it printed)} Reply 200          {"error": kind of FunctionError,
 * "contentType", "log": base64}, a newline, the payload; or, when asked with "stream" and the function streams its
 * response, {"stream": file, "contentType"}, a newline, and of "http" the document in front of the body, if there is
 * one (its type is application/vnd.awslambda.http-integration-response). The spool file grows (MSG_FLAG_GROWING): of
 * "events" PayloadChunk and InvokeComplete, of "http" the body, which breaks off when the function fails 412 {"__type":
 * "UnknownPlan"}: the plan for that key is not known here (any more): ask again with it 429          {"__type":
 * reason}: too many run at once 503          {"__type", "message"}: the environment was removed The same id asked again
 * while it runs is answered in place of the first. It goes on when nobody waits any more.
 *
 * From the runner to the owner:
 *
 *   RunnerStarted      {"boot"}: first after the runner's start, to every worker in `owners` it can have; what an owner
 *                      gave to another boot is gone, its processes with it
 *   ContainerStarted   {"boot", "task", "container", "pid", "driver": "process" or "image", "imageDigest",
 *                      "pullStartedAt", "pullStoppedAt", "startedAt"}
 *   ContainerStopped   {"boot", "task", "container", "started": bool, "exitCode": n (128 + signal when killed),
 *                       "signal": n, "reason": text, "stoppedAt"}
 *                      started false: it never ran; reason is AWS's, "CannotStartContainerError: …",
 *                      "CannotPullContainerError: …" or "ResourceInitializationError: …", and exitCode is absent
 *   ContainerDrained   {"boot", "task", "container"}: after ContainerStopped, when its last log event is stored (or it
 *                      had none)
 *
 * From the runner to logs:
 *
 *   AppendLogEvents    {"account", "region", "group", "stream", "events": [[timestamp, message]…]}: stored as
 * PutLogEvents would, in the order given. Refused (4xx) when the group or stream is gone: those events are dropped.
 *
 * The group and stream are made beforehand by the AWS operations CreateLogGroup (only with createGroup) and
 * CreateLogStream as MSG_REQUESTs with protocol "internal".
 *
 * Where the file systems of EFS are that tasks and functions mount: the file system fs-… of an account and region is
 * the directory STATE_DIR/efs/ACCOUNT/REGION/fs-…; an access point's root is its RootDirectory.Path below it, made when
 * the owner asks efs for DescribeAccessPoints of that access point (services/efs/efs.h). ecs and lambda ask it for
 * ResolveMount, ecs as an event, lambda as a question: {"account", "region", "accessPointId", or "fileSystemId" and
 * "rootDirectory"} → {"root", "path", "uid", "gid"}, the last two of the access point's POSIX user. Whoever mounts
 * resolves the path below the root, at that moment.
 *
 * Commands in running containers, for awssimctl: common/exec_frame.h.
 *
 * From the router to every worker: Reset {} (the worker library empties the tables). */
#pragma once
