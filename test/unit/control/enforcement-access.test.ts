import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ledger } from '../../../src/control/ledger.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';

const FOLDER = 'src/control';
/** The one writer with its queue of containers, and what makes a writer of its own. */
const WRITERS = ['container-lane.ts', 'enforcement.ts', 'ledger.ts', 'warm-up.ts'];

test('nobody reaches through the ledger into the enforcement', () => {
  const { ledger, enforcement } = new InMemoryControlPlane();
  const names = [...Object.getOwnPropertyNames(ledger), ...Object.getOwnPropertyNames(Ledger.prototype)];
  const reached = names.map((name) => Reflect.get(ledger, name));
  assert.ok(reached.includes(ledger.store), 'properties are looked at');
  assert.equal(reached.includes(enforcement), false);
  for (const file of readdirSync(FOLDER))
    assert.doesNotMatch(readFileSync(join(FOLDER, file), 'utf8'), /ledger[.?]+#?enforcement/iu, file);
});

test('of the enforcement all but its writers are given only the part that they name', () => {
  const holders = readdirSync(FOLDER).filter((file) => {
    const code = readFileSync(join(FOLDER, file), 'utf8').replace(/^import .*|^\s*(?:\/\/|\/?\*).*/gmu, '');
    return /\bEnforcement\b/u.test(code.replaceAll('Pick<Enforcement,', ''));
  });
  assert.deepEqual(holders.sort(), WRITERS);
});
