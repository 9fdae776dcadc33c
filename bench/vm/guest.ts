/**
 * The part of the benchmark that runs in the virtual machine. Usage: guest.js FILE PATTERN [quick]. Appends to FILE
 * the kernel's release, and a line for each figure; figures whose name PATTERN does not match may be left out.
 */
import { appendFileSync } from 'node:fs';
import { release } from 'node:os';
import { FIGURE_NAMES, type FigureName, type Recorder } from '../figures.js';
import { progress } from '../support/progress.js';
import { measureRefusals } from './apply.js';
import { measureContainerStarts } from './container-starts.js';
import { measureMemory } from './memory.js';
import { measureRatios } from './ratios.js';
import { measureStart } from './start.js';

const [file, pattern, mode] = process.argv.slice(2);
const wants = (name: FigureName) => new RegExp(pattern!).test(name);
const record: Recorder = (name, value) => appendFileSync(file!, `${JSON.stringify({ name, value })}\n`);
const parts = [
  { figures: /^vm_(?!start_|refusal_)/, measure: measureRatios },
  { figures: /^vm_refusal_/, measure: measureRefusals },
  { figures: /^vm_start_/, measure: measureContainerStarts },
  { figures: /^start_/, measure: measureStart },
  { figures: /^daemon_rss_/, measure: measureMemory },
];

appendFileSync(file!, `${JSON.stringify({ kernel: release() })}\n`);
for (const { figures, measure } of parts) {
  if (!FIGURE_NAMES.some((name) => figures.test(name) && wants(name))) continue;
  try {
    await measure({ quick: mode === 'quick', wants }, record);
  } catch (error) {
    progress((error as Error).stack ?? String(error));
  }
}
// A failed measurement may have left a child process that keeps the event loop alive.
process.exit();
