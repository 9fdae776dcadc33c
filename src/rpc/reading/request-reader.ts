import { threadProgram } from '../../built-files.js';
import type { PolicyInput } from '../../control/policy-plan.js';
import { type Caller, WorkThread } from '../../control/work-thread.js';
import { Failure } from '../../failure.js';
import type { Policy, PolicyName, Rule } from '../../policy/model.js';
import type { AcceptedKinds, EventType } from '../kubearmor/policy-event.js';
import type { ReadJob, ReadMethod, ReadPart, ReadRest } from './read-job.js';

/** The policies of an encoded request. */
export interface ReadRequest {
  readonly inputs: readonly PolicyInput[];
  readonly rest: ReadRest;
  /** How many objects of other kinds were skipped; undefined for none. */
  readonly ignored: number | undefined;
  /** Runs code that may fail because of the inputs, so that its Failures name the request's fields. */
  translate<Result>(task: () => Promise<Result>): Promise<Result>;
}

/** What a client of KubeArmor asks to be done with a policy. */
export interface ReadEvent {
  readonly type: EventType;
  readonly named: PolicyName;
  /** The policy, unless it is to be deleted. @throws Failure with every problem of it */
  input(): PolicyInput;
}

/** Reads requests that carry policies in a thread beside the daemon's own. */
export class RequestReader {
  /** Changes do not queue behind requests that any client may make. */
  readonly #changes = new WorkThread<ReadJob, ReadRest, ReadPart>(PROGRAM, 'changes');
  readonly #questions = new WorkThread<ReadJob, ReadRest, ReadPart>(PROGRAM, 'requests');

  /** @throws Failure with every problem of the request */
  async read(method: ReadMethod, bytes: Uint8Array, caller: Caller): Promise<ReadRequest> {
    const thread = CHANGES.has(method) ? this.#forChanges : this.#questions;
    const inputs: Input[] = [];
    const rest = await thread.run({ method, bytes }, caller, (part) => takeIn(part, inputs));
    return {
      inputs,
      rest,
      ignored: rest.ignored || undefined,
      translate: async (task) => {
        try {
          return await task();
        } catch (thrown) {
          if (method === 'syncPolicies' || !(thrown instanceof Failure) || thrown.problems.length === 0) throw thrown;
          const { code, message, problems } = thrown;
          await thread.run({ method, bytes, failure: { code, message, problems } }, caller);
          throw thrown;
        }
      },
    };
  }

  /**
   * What a client of KubeArmor asks for.
   *
   * @param bytes its JSON
   * @throws Failure where it says nothing that can be answered
   */
  async readEvent(bytes: Uint8Array, kinds: AcceptedKinds, caller: Caller): Promise<ReadEvent> {
    const inputs: Input[] = [];
    const job: ReadJob = { method: 'policyEvent', bytes, kinds };
    const { event } = await this.#forChanges.run(job, caller, (part) => takeIn(part, inputs));
    const { type, named, failure } = event!;
    return {
      type,
      named,
      input: () => {
        if (failure !== undefined) throw new Failure(failure.code, failure.message, failure.problems);
        return inputs[0]!;
      },
    };
  }

  /** A running thread is quicker than one that has to start. */
  get #forChanges(): WorkThread<ReadJob, ReadRest, ReadPart> {
    return this.#questions.isIdle ? this.#questions : this.#changes;
  }

  async close(): Promise<void> {
    await Promise.all([this.#changes.close(), this.#questions.close()]);
  }
}

const CHANGES: ReadonlySet<ReadMethod> = new Set(['applyPolicy', 'syncPolicies', 'restore']);

const PROGRAM = threadProgram('rpc/reading/reading-worker');

interface Input extends PolicyInput {
  readonly policy: Omit<Policy, 'rules'> & { readonly rules: Rule[] };
  /** By rule id. */
  readonly places: Map<string, string>;
}

function takeIn(part: ReadPart, inputs: Input[]): void {
  for (const piece of part) {
    if ('policy' in piece) {
      const places = new Map<string, string>();
      const placeOf = (ruleId: string) => places.get(ruleId) ?? '';
      inputs.push({ policy: { ...piece.policy, rules: [] }, warnings: piece.warnings, places, placeOf });
    } else {
      const { policy, places } = inputs.at(-1)!;
      for (const [index, rule] of piece.rules.entries()) {
        policy.rules.push(rule);
        if (piece.places !== undefined) places.set(rule.id, piece.places[index]!);
      }
    }
  }
}
