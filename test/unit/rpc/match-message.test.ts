import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Direction, type PathMatch } from '../../../src/generated/hauberk/v1/policy.js';
import { type MatchMessage, placeText, toText } from '../../../src/rpc/match-message.js';

const directory = (recursive: boolean): PathMatch => ({
  match: { $case: 'directory', value: { directory: '/a/', recursive } },
});
const endpoint = { protocol: '', cidr: '', ports: '', direction: Direction.UNSPECIFIED };

const TEXTS: readonly (readonly [match: MatchMessage, text: string])[] = [
  [{ $case: 'path', value: '/bin/sh' }, '/bin/sh'],
  [{ $case: 'directory', value: { directory: '/a/', recursive: false } }, '/a/*'],
  [{ $case: 'endpoint', value: { ...endpoint, cidr: '10.0.0.0/8' } }, '10.0.0.0/8'],
  [
    { $case: 'endpoint', value: { ...endpoint, protocol: 'tcp', ports: '80', direction: Direction.EGRESS } },
    'egress tcp port 80',
  ],
  [{ $case: 'mount', value: { operation: '', type: '', target: undefined } }, 'any'],
  [{ $case: 'mount', value: { operation: 'unmount', type: 'ext4', target: directory(true) } }, 'unmount ext4 /a/**'],
  [{ $case: 'trace', value: { operation: 'read', target: directory(false) } }, 'read /a/*'],
  [{ $case: 'systemCall', value: { names: ['mount', 'umount2'], path: '', recursive: false } }, 'mount,umount2'],
  [{ $case: 'systemCall', value: { names: ['unlink'], path: '/a/', recursive: true } }, 'unlink /a/**'],
  [{ $case: 'systemCall', value: { names: ['unlink'], path: '/a/b', recursive: false } }, 'unlink /a/b'],
];

for (const [match, text] of TEXTS) {
  test(`a match of the API is shown as \`${text}\``, () => {
    assert.equal(toText(match), text);
  });
}

test('a place that is not given has no text', () => {
  assert.equal(placeText(undefined), '');
  assert.equal(placeText({ match: undefined }), '');
});
