import { threadProgram } from '../built-files.js';
import type { DryRunJob, DryRunResult } from './dry-run-job.js';
import { WorkThread } from './work-thread.js';

/** Does the compiling and comparing of dry runs beside the daemon's own work. */
export class DryRunPool extends WorkThread<DryRunJob, DryRunResult> {
  constructor() {
    super(threadProgram('control/dry-run-worker'), 'dry runs');
  }
}
