import { threadProgram } from '../built-files.js';
import type { DryRunJob, DryRunResult, SuggestionJob, SuggestionResult } from './dry-run-job.js';
import { type Caller, WorkThread } from './work-thread.js';

/** Does the compiling and comparing of dry runs beside the daemon's own work. */
export class DryRunPool extends WorkThread<DryRunJob | SuggestionJob, DryRunResult | SuggestionResult> {
  constructor() {
    super(threadProgram('control/dry-run-worker'), 'dry runs');
  }

  /** See WorkThread.run. */
  async dryRun(job: DryRunJob, caller: Caller): Promise<DryRunResult> {
    return (await this.run(job, caller)) as DryRunResult;
  }

  /** See WorkThread.run. */
  async suggest(job: SuggestionJob, caller: Caller): Promise<SuggestionResult> {
    return (await this.run(job, caller)) as SuggestionResult;
  }
}
