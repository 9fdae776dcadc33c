import { applying } from './applying.js';

/** Prints how long the first policy of a process takes, in milliseconds: one rule to one container. */
for await (const { milliseconds } of applying(1, 1, 1)) process.stdout.write(`${milliseconds}\n`);
