import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../../../src/containers/container.js';
import type { Change } from '../../../src/control/change.js';
import { type DesiredState, NOTHING_DESIRED } from '../../../src/control/desired-state.js';
import {
  ALL_NAMESPACES,
  annotatedPostures,
  annotationChange,
  byNamespace,
  postureChange,
  posturesIn,
  setByClients,
} from '../../../src/control/namespace-postures.js';
import type { Postures } from '../../../src/policy/model.js';

type Settings = Record<string, Partial<Postures>>;
const settingsOf = (entries: Settings) => new Map(Object.entries(entries));
const annotated = (state: DesiredState, entries: Settings) => annotationChange(state, settingsOf(entries));
const after = ({ next }: Change<void>) => next!.desired;
const affects = ({ next }: Change<void>, namespace: string) => next!.affected({ namespace } as Container);

test('settings of clients override annotations of a namespace, and these override those for all', () => {
  let state = after(
    annotated(NOTHING_DESIRED, {
      [ALL_NAMESPACES]: { file: 'block', network: 'block', process: 'block' },
      shop: { file: 'audit', network: 'audit' },
    }),
  );
  state = after(postureChange(state, settingsOf({ shop: { file: 'block' } })));
  assert.deepEqual(posturesIn(state.postures, 'shop'), { file: 'block', network: 'audit', process: 'block' });
  assert.deepEqual(posturesIn(state.postures, 'other'), { file: 'block', network: 'block', process: 'block' });
  assert.deepEqual(posturesIn(state.postures, ''), {}, 'the host is in no namespace');
  assert.deepEqual([...setByClients(state.postures)], [['shop', { file: 'block' }]]);
  assert.deepEqual([...byNamespace(annotatedPostures(state.postures)).keys()], [ALL_NAMESPACES, 'shop']);
});

test('a change affects the containers of its namespaces, or of all if it is for all', async () => {
  const change = postureChange(NOTHING_DESIRED, settingsOf({ shop: { file: 'block' } }));
  assert.deepEqual([affects(change, 'shop'), affects(change, 'other')], [true, false]);
  assert.ok(change.next !== undefined);
  const { stored } = await change.make({ revision: 1, leftOut: new Map() });
  assert.deepEqual(stored, { putPostures: [{ namespace: 'shop', postures: { file: 'block' } }] });
  assert.equal(affects(annotated(NOTHING_DESIRED, { [ALL_NAMESPACES]: { file: 'block' } }), 'other'), true);
  assert.equal(affects(annotated(NOTHING_DESIRED, { shop: { file: 'block' } }), 'shop'), true);
});

test('a setting that is reset is deleted', () => {
  const state = after(
    postureChange(NOTHING_DESIRED, settingsOf({ shop: { file: 'block' }, other: { file: 'audit' } })),
  );
  assert.deepEqual([...after(postureChange(state, settingsOf({ shop: {} }))).postures.keys()], ['other']);
});

test('unchanged annotations change nothing, and others change only their own namespace', async () => {
  const state = after(annotated(NOTHING_DESIRED, { shop: { file: 'block' }, gone: { file: 'audit' } }));
  assert.equal(annotated(state, { gone: { file: 'audit' }, shop: { file: 'block' } }).next, undefined);
  for (const changed of [{ file: 'audit' }, { file: 'block', network: 'block' }, { network: 'block' }] as const)
    assert.deepEqual(posturesIn(after(annotated(state, { shop: changed })).postures, 'shop'), changed);
  const change = annotated(state, { shop: { file: 'block' } });
  assert.deepEqual([affects(change, 'gone'), affects(change, 'shop')], [true, false]);
  assert.deepEqual([...byNamespace(after(change).postures).keys()], ['shop']);
});
