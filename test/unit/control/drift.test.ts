import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, ContainerRoot } from '../../../src/containers/container.js';
import { checkDrift } from '../../../src/control/drift.js';
import type { Failure } from '../../../src/failure.js';
import type { Action, Policy, Preset } from '../../../src/policy/model.js';
import { bind } from '../policy/support.js';

const WITHOUT_IMAGE: ContainerRoot = { problem: 'its root is no overlay' };

function policyWith(action: Action, { mode, preset = 'drift' }: { mode?: 'audit'; preset?: Preset } = {}): Policy {
  const { policy, rule } = bind({ class: 'presets', action, match: { kind: 'preset', preset } });
  return { ...policy, name: 'one', namespace: 'shop', rules: [rule], ...(mode !== undefined && { mode }) };
}

function containersWith(roots: readonly (ContainerRoot | undefined)[]): Map<string, Container> {
  return new Map(
    roots.map((root, index) => {
      const id = `c${index}`;
      const namespaces = { pidNamespace: 10 * index + 10, mountNamespace: 10 * index + 11 };
      const described = { id, name: index === 0 ? '' : `web-${index}`, namespace: 'shop', labels: {}, links: {} };
      return [id, { ...described, origin: 'docker', namespaces, ...(root !== undefined && { root }) }];
    }),
  );
}

const check = (policy: Policy, roots: readonly (ContainerRoot | undefined)[]) => {
  const containers = containersWith(roots);
  return checkDrift(policy, [...containers.keys()], containers);
};

test('the preset drift is accepted when the image contents of each container are known', () => {
  assert.deepEqual(check(policyWith('Block'), [{ device: 4 }, { device: 5 }]), []);
  assert.deepEqual(checkDrift(policyWith('Block'), ['host'], new Map()), []);
});

test('a policy that would refuse every program is refused, with its rule and the first five containers', () => {
  const roots = [undefined, ...Array.from({ length: 6 }, () => WITHOUT_IMAGE)];
  assert.throws(
    () => check(policyWith('Block'), roots),
    ({ code, problems, message }: Failure) => {
      assert.equal(code, 'failed-precondition');
      assert.equal(problems.length, 1);
      const { description } = problems[0]!;
      assert.match(message, /^policy shop\/one, /);
      assert.match(description, /would refuse everything that is executed: container c0: its root was not examined/);
      assert.match(description, /container web-4: its root is no overlay; and 2 more$/);
      return true;
    },
  );
  assert.throws(
    () => check(policyWith('Block'), roots.slice(0, 5)),
    ({ problems }: Failure) => /web-4: its root is no overlay$/.test(problems[0]!.description),
  );
});

test('a policy that only reports is accepted with a warning for each container, and one that allows without', () => {
  const roots = [WITHOUT_IMAGE, { device: 4 }, WITHOUT_IMAGE];
  for (const policy of [policyWith('Audit'), policyWith('Block', { mode: 'audit' })]) {
    const warnings = check(policy, roots);
    assert.equal(warnings.length, 2);
    assert.match(warnings[0]!, /reports everything that is executed, .*: container c0: its root is no overlay$/);
    assert.match(warnings[1]!, /container web-2: its root is no overlay$/);
  }
  assert.deepEqual(check(policyWith('Allow'), roots), []);
  assert.deepEqual(check(policyWith('Block', { preset: 'exec' }), roots), []);
});
