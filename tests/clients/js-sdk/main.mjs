// The JavaScript SDK v3 against awssim: the first argument names a part, the others are the part's; ends with the failure
// and status 1 at the first thing that is not as it should be.
import { identity, network, policies, registry } from "./control.mjs";
import { invocation, logs, task } from "./execution.mjs";
import { parts, storage } from "./storage.mjs";

const [part, ...rest] = process.argv.slice(2);
await { identity, invocation, logs, network, parts, policies, registry, storage, task }[part](rest);
