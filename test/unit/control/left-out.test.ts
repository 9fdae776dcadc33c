import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Container, namespaceKey } from '../../../src/containers/container.js';
import { Failure } from '../../../src/failure.js';
import { crampedPlane, type InMemoryControlPlane } from '../../support/in-memory-control-plane.js';

function container(number: number, labels: Record<string, string>): Container {
  return {
    id: `c${number}`,
    name: `name-${number}`,
    namespace: 'default',
    labels,
    origin: 'docker',
    namespaces: { pidNamespace: number * 10, mountNamespace: number * 10 + 1 },
    links: {},
  };
}

interface Settings {
  readonly label: string;
  readonly pattern: string;
  readonly action?: 'Allow' | 'Block' | 'Audit';
  readonly priority?: number;
}

function policy(name: string, { label, pattern, action = 'Block', priority }: Settings): string {
  return [
    'apiVersion: security.kubearmor.com/v1',
    'kind: KubeArmorPolicy',
    `metadata: {name: ${name}, namespace: default}`,
    'spec:',
    `  selector: {matchLabels: {${label}: "yes"}}`,
    ...(priority === undefined ? [] : [`  priority: ${priority}`]),
    '  file:',
    `    matchPatterns: [{pattern: '${pattern}'}]`,
    `  action: ${action}`,
    '',
  ].join('\n');
}

/** Each alone compiles, but no two together. */
const LARGE = { a: '/**a???', b: '/**b???', c: '/**c???' } as const;
const large = (letter: keyof typeof LARGE, more: Partial<Settings> = {}) =>
  policy(letter, { label: letter, pattern: LARGE[letter], ...more });
const both = { a: 'yes', b: 'yes' };

const CALLER = { identity: 'test', disconnected: new AbortController().signal };

const apply = (plane: InMemoryControlPlane, ...texts: string[]) =>
  plane.policies.apply(texts.flatMap((text) => plane.policies.readManifest(text)));

function imageOf({ kernel }: InMemoryControlPlane, { namespaces }: Container) {
  return kernel.images.get(kernel.published.get(namespaceKey(namespaces))!.imageId)!;
}

/** Names of the policies by which the kernel decides for a container. */
function inForce(plane: InMemoryControlPlane, subject: Container): string[] {
  const names = imageOf(plane, subject).rules.flatMap((rule) => ('policy' in rule ? [rule.policy.name] : []));
  return [...new Set(names)].sort();
}

describe('policies that do not compile together', () => {
  test('are in force as far as they fit in a container that all select, and the others are named', async () => {
    const plane = crampedPlane();
    await apply(plane, large('a'), large('b'), policy('small', { label: 'a', pattern: '/etc/shadow' }));
    const subject = container(1, both);
    assert.equal((await plane.containers.put(subject)).result.kind, 'added');
    assert.deepEqual(inForce(plane, subject), ['a', 'small']);
    assert.deepEqual(plane.containers.leftOutOf('c1'), ['default/b']);
    assert.deepEqual([...plane.host.status().leftOut], [['c1', ['default/b']]]);
    await plane.containers.remove('c1');
    assert.deepEqual([...plane.host.status().leftOut], []);
  });

  test('are chosen by priority, then those that block, then by name', async () => {
    for (const [texts, kept] of [
      [[large('a'), large('b', { priority: 1 })], 'b'],
      [[large('a', { action: 'Audit' }), large('b')], 'b'],
      [[large('a', { action: 'Audit', priority: 1 }), large('b')], 'a'],
      [[large('a'), large('b')], 'a'],
    ] as const) {
      const plane = crampedPlane();
      await apply(plane, ...texts);
      await plane.containers.put(container(1, both));
      assert.deepEqual(inForce(plane, container(1, both)), [kept]);
    }
  });

  test('keep the posture of a class in force, even if the policy that allows something of it is left out', async () => {
    const plane = crampedPlane();
    await plane.policies.setPosture('default', { file: 'block' });
    await apply(plane, large('a'), large('b', { action: 'Allow' }));
    const subject = container(1, both);
    await plane.containers.put(subject);
    assert.deepEqual(plane.containers.leftOutOf('c1'), ['default/b']);
    assert.equal(plane.containers.ruleSetOf(plane.containers.get('c1')!).postures.write, 'block');
    assert.deepEqual(
      imageOf(plane, subject).rules.flatMap((rule) => ('policy' in rule ? [] : [rule.posture])),
      ['block'],
    );
  });

  test('are accepted in a change of policies, with a warning that names the container', async () => {
    const plane = crampedPlane();
    await plane.containers.put(container(1, both));
    await apply(plane, large('a'));
    const { result } = await apply(plane, large('b'));
    assert.equal(result[0]!.kind, 'created');
    const warning = 'container name-1: its policies do not compile together, left out are default/b';
    assert.ok(result[0]!.warnings.includes(warning), result[0]!.warnings.join('\n'));
    assert.deepEqual(inForce(plane, container(1, both)), ['a']);
    const preview = await plane.policies.dryRun(plane.policies.readManifest(large('b')), false, CALLER);
    assert.equal(preview[0]!.kind, 'unchanged');
    await plane.policies.delete({ namespace: 'default', name: 'a' }, 0);
    assert.deepEqual(plane.containers.leftOutOf('c1'), []);
    assert.deepEqual(inForce(plane, container(1, both)), ['b']);
  });

  test('are reported by a dry run as by the change itself', async () => {
    const plane = crampedPlane();
    await plane.containers.put(container(1, both));
    await apply(plane, large('a'));
    const inputs = plane.policies.readManifest(large('b'));
    const preview = await plane.policies.dryRun(inputs, false, CALLER);
    const { result } = await plane.policies.apply(inputs);
    assert.deepEqual(preview[0]!.warnings, result[0]!.warnings);
  });

  test('are refused if one of them does not compile even alone', async () => {
    const plane = crampedPlane();
    await plane.containers.put(container(1, both));
    await apply(plane, large('a'));
    const hopeless = policy('b', { label: 'b', pattern: `/**b${'?'.repeat(30)}c` });
    await assert.rejects(apply(plane, hopeless), (error) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.code, 'resource-exhausted');
      assert.match(error.message, /policy default\/b, file\.matchPatterns\[0\]: the pattern/);
      return true;
    });
    assert.deepEqual(inForce(plane, container(1, both)), ['a']);
  });

  test('do not affect other containers, and are not searched again for one of the same kind', async () => {
    // Larger, so that there is time for another container meanwhile.
    const plane = crampedPlane(1_000_000);
    const larger = (letter: 'a' | 'b') => large(letter, { pattern: `/**${letter}?????` });
    await apply(plane, larger('a'), larger('b'));
    const slow = plane.containers.put(container(1, both));
    await plane.containers.put(container(2, { a: 'yes' }));
    assert.deepEqual(inForce(plane, container(2, { a: 'yes' })), ['a']);
    assert.equal(plane.containers.get('c1'), undefined);
    await slow;
    const began = performance.now();
    await plane.containers.remove('c1');
    await plane.containers.put(container(3, both));
    const elapsed = performance.now() - began;
    assert.deepEqual(plane.containers.leftOutOf('c3'), ['default/b']);
    assert.ok(elapsed < 1000, `${elapsed} ms`);
  });
});
