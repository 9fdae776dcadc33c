import type { PolicyRegistry } from '../control/policy-registry.js';
import { Failure, invalidInput } from '../failure.js';
import { StateServiceService } from '../generated/hauberk/v1/state.js';
import { policyKey } from '../policy/model.js';
import { toPolicyChangeMessage, toPostureMessages } from './convert.js';
import { RpcService } from './handler.js';
import { toPostures } from './posture-message.js';
import { RequestChecks } from './request-checks.js';

/** hauberk.v1.StateService. */
export function stateServiceOf(policies: PolicyRegistry): RpcService {
  return RpcService.of(StateServiceService, {
    backup: () => ({
      manifests: policies.list().map((policy) => policies.manifestOf(policy)),
      postures: Array.from(policies.postures(), ([namespace, postures]) => ({
        namespace,
        postures: toPostureMessages(postures),
      })),
      revision: BigInt(policies.ledger.revision),
    }),

    async restore({ manifests, postures, force }) {
      const inputs = manifests.map((text, index) =>
        // What has expired since the backup was made is no reason to refuse the rest.
        within(`manifests[${index}].`, () => policies.readManifest(text, 0)),
      );
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
      return { changes: result.map(toPolicyChangeMessage), revision: BigInt(revision) };
    },
  });
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
