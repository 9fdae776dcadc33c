import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Glob } from '../../../src/explain/glob.js';
import { withFoldedNames } from '../../../src/policy/folding.js';
import { bind } from './support.js';

const EFI = { place: '/boot/efi', isFat: true };
const CASEFOLDED = { place: '/srv', isFat: false };

/** Whether the twins of a rule, and not the rule itself, cover a path. */
const cover = (rule: Parameters<typeof bind>[0], place: typeof EFI) => {
  const [, ...twins] = withFoldedNames([bind(rule)], [place]);
  return (path: string) =>
    twins.some(({ rule: { match } }) => match.kind === 'pattern' && new Glob(match.pattern).matches(Buffer.from(path)));
};

test('a rule on a file holds for all names that its filesystem folds to it, and for possible short names', () => {
  const isMeant = cover({ match: { kind: 'exact', path: '/boot/efi/guard/secret.key' } }, EFI);
  for (const path of ['GUARD/SECRET.KEY', 'Guard/\u017fecret.\u212aey', 'guard./secret.key', 'GUARD~1/secret.key'])
    assert.ok(isMeant(`/boot/efi/${path}`), path);
  for (const path of ['guard/secret.key.', 'guard/SECRET~1.KEY', 'guard/s\u200decret.key'])
    assert.ok(isMeant(`/boot/efi/${path}`), path);
  for (const path of ['/boot/efi/guard/other', '/boot/efi/guard', '/boot/EFI/guard/secret.key', '/boot/x~1'])
    assert.ok(!isMeant(path), path);
});

test('a rule on a directory or a pattern holds for folded names, also if only single directories fold case', () => {
  const directory = cover({ match: { kind: 'directory', directory: '/srv/guard/', recursive: true } }, CASEFOLDED);
  assert.ok(directory('/srv/GUARD/a/b') && directory('/srv/Guard/') && !directory('/srv/other/a'));
  const flat = cover({ match: { kind: 'directory', directory: '/srv/guard/', recursive: false } }, CASEFOLDED);
  assert.ok(flat('/srv/GUARD/a') && !flat('/srv/GUARD/a/b'));
  const pattern = cover({ match: { kind: 'pattern', pattern: '/srv/{a,b}/[xy]*.pem' } }, CASEFOLDED);
  assert.ok(pattern('/srv/A/X1.PEM') && pattern('/srv/b/y.Pem') && !pattern('/srv/c/x.pem'));
  assert.ok(!directory('/srv/guard~1/x'), 'there are no short names');
});

test('an Allow rule holds only for the name as written, which overrides folded names of a Block rule above it', () => {
  const allowed = { match: { kind: 'directory', directory: '/srv/guard/[a]/', recursive: true } } as const;
  const [, twin, ...others] = withFoldedNames([bind({ ...allowed, action: 'Allow' })], [CASEFOLDED]);
  assert.deepEqual([twin?.rule.match, others], [{ kind: 'pattern', pattern: '/srv/guard/\\[a\\]/**' }, []]);
  assert.equal(
    withFoldedNames([bind({ match: { kind: 'exact', path: '/srv/x' }, action: 'Allow' })], [CASEFOLDED]).length,
    1,
  );
});

test('rules on other paths and of other classes are not changed', () => {
  const rules = [
    bind({ match: { kind: 'exact', path: '/etc/shadow' } }),
    bind({ class: 'network', match: { kind: 'protocol', protocol: 'tcp' } }),
  ];
  assert.deepEqual(withFoldedNames(rules, [CASEFOLDED, EFI]), rules);
});
