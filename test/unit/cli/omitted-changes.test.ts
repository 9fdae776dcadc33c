import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planOf } from '../../../src/cli/apply-plan.js';
import { printOmitted } from '../../../src/cli/policy-change.js';
import { type Terminal, withTerminal } from '../../../src/cli/terminal.js';
import { type HauberkClient, PolicyOrigin } from '../../../src/client/index.js';
import { manifest } from '../rpc/support.js';

test('policies of a manifest whose changes do not fit into the response are not deleted by --prune', async () => {
  const named = (name: string) => ({ namespace: 'default', name, scope: 1, origin: PolicyOrigin.CLI });
  let deleted: readonly object[] | undefined;
  const client = {
    host: { getStatus: async () => ({ revision: 5n }) },
    policies: {
      validatePolicy: async () => ({ changes: [named('a')], omittedChanges: 1n }),
      listPolicies: async () => ({ policies: [named('a'), named('b'), named('other')] }),
      async diff(request: { deleted: readonly object[] }) {
        deleted = request.deleted;
        return { changes: [named('other')], omittedChanges: 2n };
      },
    },
  } as unknown as HauberkClient;
  const text = `${manifest('a')}---\n${manifest('b')}`;
  const { omittedChanges } = await planOf(client, text, { force: false, prune: true, ignoreForeign: false });
  assert.deepEqual(deleted, [named('other')]);
  assert.equal(omittedChanges, 2n);
});

test('the number of changes left out of the response is shown', async () => {
  const lines: string[] = [];
  const terminal = { out: (text: string) => void lines.push(text) } as Terminal;
  await withTerminal(terminal, async () => {
    printOmitted(0n, 'out');
    printOmitted(12n, 'out');
  });
  assert.deepEqual(lines, ['and 12 more\n']);
});
