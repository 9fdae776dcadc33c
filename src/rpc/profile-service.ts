import type { DryRunPool } from '../control/dry-run-pool.js';
import type { LearntProfile, ProfileRegistry } from '../control/profile-registry.js';
import {
  type ObservedAccess as AccessMessage,
  type GetProfileResponse,
  type Profile as ProfileMessage,
  ProfileServiceService,
  type StartProfileRequest,
} from '../generated/hauberk/v1/profile.js';
import { describeObject } from '../image/describe-object.js';
import { DEFAULT_NAMESPACE } from '../policy/model.js';
import { sortInSteps } from '../policy/sort-in-steps.js';
import { VALUE_CHECKS } from '../policy/value-checks.js';
import type { ObservedAccess } from '../profile/observed-access.js';
import type { Profile, ProfileSubject } from '../profile/profile.js';
import type { Steps } from '../steps.js';
import { finishInTimeSlices } from '../time-slices.js';
import { OPERATOR_WRITE, READ, type RulesOf } from './access/method-rule.js';
import { currentCaller } from './caller.js';
import { RpcService } from './handler.js';
import { CLASSES } from './names.js';
import { fitting } from './pages.js';
import { fromMilliseconds, toPolicyMessage } from './policy-output.js';
import { MUST_NOT_BE_EMPTY, RequestChecks } from './request-checks.js';

/** At most this many, however short they are. */
const ACCESSES_MAX = 10_000;

export const PROFILE_RULES: RulesOf<typeof ProfileServiceService> = {
  '/hauberk.v1.ProfileService/StartProfile': OPERATOR_WRITE,
  '/hauberk.v1.ProfileService/StopProfile': OPERATOR_WRITE,
  '/hauberk.v1.ProfileService/DeleteProfile': OPERATOR_WRITE,
  '/hauberk.v1.ProfileService/GetProfile': READ,
  '/hauberk.v1.ProfileService/ListProfiles': READ,
  '/hauberk.v1.ProfileService/SuggestPolicy': READ,
};

/** hauberk.v1.ProfileService. */
export function profileServiceOf(profiles: ProfileRegistry, dryRuns: Pick<DryRunPool, 'suggest'>): RpcService {
  return RpcService.of(
    ProfileServiceService,
    {
      async startProfile(request) {
        const { result, revision } = await profiles.start(request.name, toSubject(request), Date.now());
        return { profile: toProfileMessage(result), revision: BigInt(revision) };
      },

      async stopProfile({ name }) {
        requireName(name);
        const { result, revision } = await profiles.stop(name, Date.now());
        return { profile: toProfileMessage(result), revision: BigInt(revision) };
      },

      async deleteProfile({ name }) {
        requireName(name);
        const { revision } = await profiles.delete(name, Date.now());
        return { revision: BigInt(revision) };
      },

      listProfiles() {
        return { profiles: profiles.list().map(toProfileMessage) };
      },

      async getProfile({ name }) {
        requireName(name);
        return finishInTimeSlices(responseInSteps(await profiles.get(name)));
      },

      async suggestPolicy({ name, policyName, policyNamespace, matchLabels }) {
        const checks = new RequestChecks();
        checks.require(name !== '', 'name', MUST_NOT_BE_EMPTY);
        checkWith('name', policyName, 'policy_name', checks);
        checkWith('namespace', policyNamespace, 'policy_namespace', checks);
        checks.labels(matchLabels, 'match_labels');
        checks.done();
        const head = {
          ...(policyName !== '' && { name: policyName }),
          ...(policyNamespace !== '' && { namespace: policyNamespace }),
          ...(Object.keys(matchLabels).length > 0 && { matchLabels }),
        };
        const { suggestion, text } = await profiles.suggest(name, head, dryRuns, currentCaller());
        return {
          policy: toPolicyMessage(suggestion.policy, 0),
          manifest: text,
          evidence: suggestion.policy.rules.map(({ id }) => {
            const { accesses, count, examples } = suggestion.evidence.get(id)!;
            return { rule: id, accesses: BigInt(accesses), count: BigInt(count), examples: [...examples] };
          }),
          warnings: [...suggestion.warnings],
        };
      },
    },
    { refused: ['startProfile', 'suggestPolicy'] },
  );
}

function requireName(name: string): void {
  const checks = new RequestChecks();
  checks.require(name !== '', 'name', MUST_NOT_BE_EMPTY);
  checks.done();
}

/** Checks a value like one of a manifest; an empty one counts as none. */
function checkWith(check: 'name' | 'namespace', value: string, field: string, checks: RequestChecks): void {
  const problem = value === '' ? undefined : VALUE_CHECKS[check](value);
  checks.require(problem === undefined, field, problem ?? '');
}

function toSubject({ name, subject }: StartProfileRequest): ProfileSubject {
  const checks = new RequestChecks();
  checks.require(name !== '', 'name', MUST_NOT_BE_EMPTY);
  checkWith('name', name, 'name', checks);
  checks.require(subject !== undefined, 'subject', 'one of container_id and selector must be set');
  if (subject?.$case === 'containerId') checks.require(subject.value !== '', 'container_id', MUST_NOT_BE_EMPTY);
  if (subject?.$case === 'selector') {
    const { namespace, matchLabels } = subject.value;
    checkWith('namespace', namespace, 'selector.namespace', checks);
    checks.labels(matchLabels, 'selector.match_labels');
    checks.require(Object.keys(matchLabels).length > 0, 'selector.match_labels', MUST_NOT_BE_EMPTY);
  }
  checks.done();
  if (subject!.$case === 'containerId') return { kind: 'container', id: subject!.value };
  const { namespace, matchLabels } = subject!.value;
  return { kind: 'selector', namespace: namespace || DEFAULT_NAMESPACE, matchLabels };
}

function toProfileMessage({ name, subject, started, stopped }: Profile): ProfileMessage {
  return {
    name,
    subject:
      subject.kind === 'container'
        ? { $case: 'containerId', value: subject.id }
        : { $case: 'selector', value: { namespace: subject.namespace, matchLabels: { ...subject.matchLabels } } },
    started: fromMilliseconds(started),
    stopped: stopped === undefined ? undefined : fromMilliseconds(stopped),
  };
}

function* responseInSteps({ profile, containers }: LearntProfile): Steps<GetProfileResponse> {
  const learnt = containers.flatMap(({ accesses }) => accesses);
  const all = yield* sortInSteps(learnt, (a, b) => b.count - a.count);
  const shown = new Set(fitting(all, 0, ACCESSES_MAX, (access) => access));
  yield;
  const messages: GetProfileResponse['containers'] = [];
  for (const { id, name, namespace, accesses } of containers) {
    messages.push({ id, name, namespace, accesses: accesses.filter((each) => shown.has(each)).map(toAccessMessage) });
    yield;
  }
  return { profile: toProfileMessage(profile), containers: messages, omitted: BigInt(all.length - shown.size) };
}

function toAccessMessage(access: ObservedAccess): AccessMessage {
  return {
    class: CLASSES[access.class],
    operations: [...access.operations],
    object: describeObject(access.object),
    program: access.program,
    fromOutside: access.fromOutside,
    notOwner: access.ownership === 'other',
    terminal: access.terminal,
    count: BigInt(access.count),
  };
}
