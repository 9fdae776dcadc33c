import type { SecurityEvent } from '../events/event.js';
import type { EventFilter } from '../events/filter.js';
import { Result, type StreamEventsRequest } from '../generated/hauberk/v1/event.js';
import { AccessClass, Action } from '../generated/hauberk/v1/policy.js';
import type { Action as ActionName, RuleClass } from '../policy/model.js';
import { RequestChecks } from './request-checks.js';

const CLASSES = new Map<AccessClass, RuleClass>([
  [AccessClass.PROCESS, 'process'],
  [AccessClass.FILE, 'file'],
]);
const ACTIONS = new Map<Action, ActionName>([
  [Action.ALLOW, 'Allow'],
  [Action.AUDIT, 'Audit'],
  [Action.BLOCK, 'Block'],
]);
const RESULTS = new Map<Result, SecurityEvent['result']>([
  [Result.DENIED, 'denied'],
  [Result.PASSED, 'passed'],
]);
const SEVERITY_MAX = 10;

/**
 * The filter a request asks for.
 *
 * @throws Failure invalid-argument for values no event can have: a stream that stays empty for ever helps nobody
 */
export function toEventFilter(request: StreamEventsRequest): EventFilter {
  const checks = new RequestChecks();
  const named = <Value, Name>(
    values: readonly Value[],
    names: ReadonlyMap<Value, Name>,
    field: string,
    choice: string,
  ) =>
    values.flatMap((value, index) => {
      const name = names.get(value);
      checks.require(name !== undefined, `${field}[${index}]`, `must be ${choice}`);
      return name === undefined ? [] : [name];
    });
  const texts = (values: readonly string[], field: string) => {
    for (const [index, value] of values.entries()) {
      checks.require(value !== '', `${field}[${index}]`, 'must not be empty');
    }
    return values;
  };
  const { minimumSeverity } = request;
  const inRange = minimumSeverity <= SEVERITY_MAX;
  checks.require(inRange, 'minimum_severity', `must not be greater than ${SEVERITY_MAX}`);
  const filter: EventFilter = {
    containerIds: texts(request.containerIds, 'container_ids'),
    containerNames: texts(request.containerNames, 'container_names'),
    namespaces: texts(request.namespaces, 'namespaces'),
    policies: texts(request.policies, 'policies'),
    classes: named(request.classes, CLASSES, 'classes', 'PROCESS or FILE'),
    actions: named(request.actions, ACTIONS, 'actions', 'ALLOW, AUDIT or BLOCK'),
    results: named(request.results, RESULTS, 'results', 'DENIED or PASSED'),
    minimumSeverity,
    labels: request.labels,
  };
  checks.done();
  return filter;
}
