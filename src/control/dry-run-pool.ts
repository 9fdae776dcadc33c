import { threadProgram } from '../built-files.js';
import type { CheckResult, DryRunJob, DryRunResult, SuggestionJob, SuggestionResult } from './dry-run-job.js';
import { type Caller, WorkThread } from './work-thread.js';

/** Does the compiling and comparing of dry runs beside the daemon's own work. */
export class DryRunPool extends WorkThread<DryRunJob | SuggestionJob, CheckResult | DryRunResult | SuggestionResult> {
  constructor() {
    super(threadProgram('control/dry-run-worker'), 'dry runs');
  }

  /** See WorkThread.run. */
  async dryRun(job: DryRunJob, caller: Caller): Promise<DryRunResult> {
    return (await this.run(job, caller)) as DryRunResult;
  }

  /** The same without the image: to receive a large one holds up the event loop. */
  async check(job: Omit<DryRunJob, 'isOnlyCheck'>, caller: Caller): Promise<CheckResult> {
    return (await this.run({ ...job, isOnlyCheck: true }, caller)) as CheckResult;
  }

  /** See WorkThread.run. */
  async suggest(job: SuggestionJob, caller: Caller): Promise<SuggestionResult> {
    return (await this.run(job, caller)) as SuggestionResult;
  }
}
