import { applying, ONE_RULE } from './applying.js';

/** Prints how long the first policy of a process takes, in milliseconds: one rule to one container. */
for await (const { decidedMilliseconds } of applying(ONE_RULE, 1)) process.stdout.write(`${decidedMilliseconds}\n`);
