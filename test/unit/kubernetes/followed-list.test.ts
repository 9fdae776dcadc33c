import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  ApiError,
  type KubernetesObject,
  UnfinishedAnswer,
  type WatchEvent,
} from '../../../src/kubernetes/api-client.js';
import { type FollowedKind, FollowedList } from '../../../src/kubernetes/followed-list.js';
import { eventually } from '../../support/eventually.js';

type Step = WatchEvent | Error | 'end';

/** A scripted API server, which records requests. */
class Script {
  readonly requested: string[] = [];
  /** The versions that lists were requested with. */
  readonly fresh: (string | undefined)[] = [];
  lists: (() => object)[] = [];
  readonly limits: (string | undefined)[] = [];
  /** Bytes of an answer. */
  bytes = 1000;
  #steps: Step[] = [];
  #wake: () => void = () => undefined;

  /** Its answers about kinds. */
  kinds: Readonly<Record<string, object>> = { '/apis': { groups: [] } };

  async get(path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<unknown> {
    if (/^\/apis(\/[^/]+){0,2}$/u.test(path)) return this.kinds[path] ?? failing(404)();
    this.requested.push(`list ${query.continue ?? ''}`.trim());
    const { resourceVersion, resourceVersionMatch = '', limit = '' } = query;
    this.fresh.push(resourceVersion && `${resourceVersion} ${resourceVersionMatch} ${limit}`);
    const next = this.lists.length > 1 ? this.lists.shift()! : this.lists[0]!;
    return next();
  }

  async list(path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<object> {
    this.limits.push(query.limit);
    return { bytes: this.bytes, ...((await this.get(path, query)) as object) };
  }

  async *watch(
    _: string,
    query: Readonly<Record<string, string | undefined>>,
    { signal, onOpen }: { signal: AbortSignal; onOpen: () => void },
  ): AsyncGenerator<WatchEvent> {
    this.requested.push(`watch ${query.resourceVersion}`);
    onOpen();
    signal.addEventListener('abort', () => this.#wake());
    for (;;) {
      const step = this.#steps.shift();
      if (signal.aborted) return;
      if (step === 'end') return;
      if (step instanceof Error) throw step;
      if (step !== undefined) yield step;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  say(...steps: Step[]): void {
    this.#steps.push(...steps);
    this.#wake();
  }
}

const object = (name: string, resourceVersion: string): KubernetesObject => ({
  metadata: { name, uid: `uid-${name}`, resourceVersion },
});
const page = (resourceVersion: string, names: readonly string[], next?: string) => () => ({
  apiVersion: 'v1',
  kind: 'ThingList',
  metadata: { resourceVersion, continue: next },
  items: names.map((name) => object(name, resourceVersion)),
});
const event = (type: WatchEvent['type'], name: string, version: string): WatchEvent => ({
  type,
  object: object(name, version),
});

function follow(context: TestContext, lists: (() => object)[], kind: Partial<FollowedKind> = {}) {
  const script = new Script();
  script.lists = lists;
  let statuses = 0;
  const list = new FollowedList(
    script as never,
    { path: '/things', ...kind },
    { onChange: () => undefined, onStatus: () => statuses++, backoff: { first: 1, most: 4 } },
  );
  list.start();
  context.after(() => list.stop());
  const names = () => list.objects.map(({ metadata }) => metadata.name).sort();
  return { script, list, names, statuses: () => statuses };
}

function failing(code: number, retryMilliseconds?: number) {
  return () => {
    throw new ApiError(`answered ${code}`, code, retryMilliseconds);
  };
}

test('objects are known as they are listed in pages, added, changed and deleted', async (context) => {
  const { script, names, list } = follow(context, [page('5', ['a'], 'more'), page('5', ['b'])]);
  await eventually(() => script.requested.includes('watch 5'));
  assert.deepEqual(script.requested, ['list', 'list more', 'watch 5']);
  assert.equal(list.objects[0]?.kind, 'Thing');
  script.say(event('ADDED', 'c', '6'), event('DELETED', 'a', '7'), event('MODIFIED', 'b', '8'));
  await eventually(() => names().join() === 'b,c');
});

test('a watch continues from the last event or bookmark, and nothing is listed again', async (context) => {
  const { script, names } = follow(context, [page('5', ['a'])]);
  await eventually(() => script.requested.includes('watch 5'));
  script.say(event('ADDED', 'b', '6'), 'end');
  await eventually(() => script.requested.includes('watch 6'));
  script.say(event('BOOKMARK', '', '90'), new Error('the connection was lost'));
  await eventually(() => script.requested.includes('watch 90'));
  assert.deepEqual(script.requested, ['list', 'watch 5', 'watch 6', 'watch 90']);
  assert.deepEqual(names(), ['a', 'b']);
});

test('an expired version causes a new list, by which objects that were deleted meanwhile are removed', async (context) => {
  const { script, names } = follow(context, [page('5', ['a', 'b']), page('80', ['b', 'c'])]);
  await eventually(() => script.requested.includes('watch 5'));
  script.say(new ApiError('too old resource version', 410));
  await eventually(() => script.requested.includes('watch 80'));
  assert.deepEqual(names(), ['b', 'c']);
});

test('while the server fails known objects are kept, and the reason is reported until it is back', async (context) => {
  let isAway = false;
  const first = page('5', ['a']);
  const { script, list, names } = follow(context, [() => (isAway ? failing(500)() : first())]);
  await eventually(() => script.requested.includes('watch 5'));
  assert.equal(list.problem, undefined);
  isAway = true;
  script.say(new ApiError('gone', 410));
  await eventually(() => list.problem === 'answered 500');
  assert.deepEqual(names(), ['a']);
  isAway = false;
  await eventually(() => list.problem === undefined);
});

test('a Retry-After of the server is respected', async (context) => {
  const { script, list } = follow(context, [failing(429, 50), page('5', ['a'])]);
  const began = performance.now();
  await eventually(() => list.problem === 'answered 429');
  await eventually(() => script.requested.includes('watch 5'));
  assert.ok(performance.now() - began >= 40);
});

test('a kind that the server does not have counts as empty if it is optional, and as a failure otherwise', async (context) => {
  const optional = follow(context, [failing(404)], { isOptional: true });
  await eventually(() => optional.list.isListed && optional.list.isAbsent);
  assert.equal(optional.list.problem, undefined);
  const needed = follow(context, [failing(404)]);
  await eventually(() => needed.list.problem === 'answered 404');
  assert.equal(needed.list.isListed, false);
});

test("lists come from the server's cache, and are not older than the known version", async (context) => {
  const { script } = follow(context, [page('5', ['a'], 'more'), page('5', ['b']), failing(504), page('4', ['a'])]);
  await eventually(() => script.requested.includes('watch 5'));
  script.say(event('BOOKMARK', '', '90'), new ApiError('too old resource version', 410));
  await eventually(() => script.requested.includes('watch 4'));
  // If the server has no version this new, its newest one is accepted.
  assert.deepEqual(script.fresh, ['0  500', undefined, '90 NotOlderThan ', '0  500']);
});

test('a 404 from a proxy in front of the API server removes no objects', async (context) => {
  let isCutOff = false;
  const first = page('5', ['a']);
  const answer = () => (isCutOff ? failing(404)() : first());
  const kind = { path: '/apis/group/v1/things', isOptional: true } as const;
  const { script, list, names } = follow(context, [answer], kind);
  await eventually(() => script.requested.includes('watch 5'));
  isCutOff = true;
  script.kinds = {};
  script.say(new ApiError('gone', 410));
  await eventually(() => list.problem === 'answered 404');
  script.kinds = {
    '/apis': { groups: [{ name: 'group', versions: [{ version: 'v1' }] }] },
    '/apis/group/v1': { resources: [{ name: 'things' }] },
  };
  const { length } = script.requested;
  await eventually(() => script.requested.length > length + 1);
  assert.deepEqual([names(), list.isAbsent], [['a'], false]);
  script.kinds = { ...script.kinds, '/apis/group/v1': { resources: [] } };
  await eventually(() => list.isAbsent);
  assert.deepEqual([names(), list.problem], [[], undefined]);
});

test('pages are smaller for larger objects, and a list that is cut off is requested in pages', async (context) => {
  const cut = () => {
    throw new UnfinishedAnswer('cut off');
  };
  const { script, list, names } = follow(context, [
    cut,
    page('5', ['a'], 'more'),
    cut,
    page('6', ['a'], 'more'),
    page('6', ['b']),
  ]);
  // With objects of 64 KiB a page has 64.
  script.bytes = 64 * 1024;
  await eventually(() => script.requested.includes('watch 6'));
  assert.deepEqual(names(), ['a', 'b']);
  assert.deepEqual(script.limits, ['500', '500', '64', '16', '32']);
  assert.equal(list.problem, undefined);
});

test('after a time without connection lists still come from the cache, not in pages from etcd', async (context) => {
  const away = () => {
    throw new Error('connect ECONNREFUSED');
  };
  const { script } = follow(context, [away, away, page('5', ['a'])]);
  await eventually(() => script.requested.includes('watch 5'));
  assert.deepEqual(script.fresh, ['0  500', '0  500', '0  500']);
});
