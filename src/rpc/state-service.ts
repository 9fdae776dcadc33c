import { createHash } from 'node:crypto';
import type { PolicyInput } from '../control/policy-plan.js';
import type { PolicyRegistry } from '../control/policy-registry.js';
import { inTurns } from '../control/turns.js';
import { Failure, invalidInput } from '../failure.js';
import { StateServiceService } from '../generated/hauberk/v1/state.js';
import { policyKey } from '../policy/model.js';
import { toChangeMessages } from './change-output.js';
import { toPostureMessages } from './convert.js';
import { RpcService } from './handler.js';
import { pageByPlace } from './pages.js';
import { toPostures } from './posture-message.js';
import { RequestChecks } from './request-checks.js';

/** hauberk.v1.StateService. */
export function stateServiceOf(policies: PolicyRegistry): RpcService {
  return RpcService.of(StateServiceService, {
    backup(page) {
      const { revision } = policies.ledger;
      // What a page holds is made for that page alone.
      const parts = [
        ...policies.list().map((policy) => () => policies.manifestOf(policy)),
        ...Array.from(policies.postures(), ([namespace, postures]) => () => ({
          namespace,
          postures: toPostureMessages(postures),
        })),
      ];
      const { messages, nextPageToken } = pageByPlace(parts, versionOf(policies), page, (make) => make());
      return {
        manifests: messages.filter((part) => typeof part === 'string'),
        postures: messages.filter((part) => typeof part !== 'string'),
        revision: BigInt(revision),
        nextPageToken,
      };
    },

    async restore({ manifests, postures, force }) {
      const inputs: (readonly PolicyInput[])[] = [];
      for await (const text of inTurns(manifests)) {
        // What has expired since the backup was made is no reason to refuse the rest.
        inputs.push(within(`manifests[${inputs.length}].`, () => policies.readManifest(text, 0)));
      }
      const wanted = postures.map((each, index) =>
        within(`postures[${index}].`, () => toPostures(each.namespace, each.postures)),
      );
      checkGivenOnce(
        'manifests',
        inputs.map((each) => each.map(({ policy }) => `policy ${policyKey(policy)}`)),
      );
      checkGivenOnce(
        'postures',
        wanted.map(([namespace]) => [`namespace ${namespace}`]),
      );
      const { result, revision } = await policies.restore(inputs.flat(), new Map(wanted), force);
      return { ...toChangeMessages(result), revision: BigInt(revision) };
    },
  });
}

/** The same only as long as policies and postures are; the revision also counts changes of containers. */
function versionOf(policies: PolicyRegistry): string {
  const hash = createHash('sha256');
  for (const policy of policies.list()) hash.update(`${policyKey(policy)} ${policies.versionOf(policy)}\n`);
  return hash.update(JSON.stringify([...policies.postures()])).digest('base64url');
}

/** Says of problems in which part of a request they are. */
function within<Result>(prefix: string, task: () => Result): Result {
  try {
    return task();
  } catch (thrown) {
    if (!(thrown instanceof Failure) || thrown.problems.length === 0) throw thrown;
    throw invalidInput(thrown.problems.map((problem) => ({ ...problem, field: prefix + problem.field })));
  }
}

function checkGivenOnce(field: string, named: readonly (readonly string[])[]): void {
  const seen = new Set<string>();
  const checks = new RequestChecks();
  for (const [index, names] of named.entries()) {
    for (const name of names) {
      checks.require(!seen.has(name), `${field}[${index}]`, `${name} is given twice`);
      seen.add(name);
    }
  }
  checks.done();
}
