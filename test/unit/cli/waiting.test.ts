import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withTerminal } from '../../../src/cli/terminal.js';
import { waitingFor } from '../../../src/cli/waiting.js';
import { TestTerminal } from '../../support/command-line.js';
import { eventually } from '../../support/eventually.js';

test('on a terminal a long wait is shown, and erased afterwards', async () => {
  const terminal = new TestTerminal({ errIsTerminal: true });
  await withTerminal(terminal, async () => {
    const shown = eventually(() => terminal.errors.includes('applying: '));
    await waitingFor('applying', shown, 1);
  });
  const parts = terminal.errors.split('\r\u001b[K');
  assert.deepEqual([parts[0], parts.at(-1)], ['', '']);
  assert.ok(parts.slice(1, -1).every((part) => /^applying: \d+ s$/u.test(part)));
});

test('a short wait, or one without a terminal, is not shown', async () => {
  const [looking, elsewhere] = [new TestTerminal({ errIsTerminal: true }), new TestTerminal()];
  assert.equal(await withTerminal(looking, () => waitingFor('applying', Promise.resolve(1))), 1);
  await withTerminal(elsewhere, () => waitingFor('applying', new Promise((resolve) => setTimeout(resolve, 20)), 1));
  await assert.rejects(
    withTerminal(looking, () => waitingFor('applying', Promise.reject(new Error('no')))),
    /no/u,
  );
  assert.deepEqual([looking.errors, elsewhere.errors], ['', '']);
});
