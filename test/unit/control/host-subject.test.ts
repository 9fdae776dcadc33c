import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostAsSubject } from '../../../src/control/host.js';
import { HostSubject } from '../../../src/control/host-subject.js';

const HOST = hostAsSubject({ pidNamespace: 3, mountNamespace: 4 }, {}, {});

test('labels that are set for the host are added to its own', () => {
  const subject = new HostSubject(HOST);
  const labelled = subject.labelled({ zone: 'a', 'kubernetes.io/os': 'other' });
  assert.deepEqual([labelled?.labels.zone, labelled?.labels['kubernetes.io/os']], ['a', 'other']);
  subject.replace(labelled);
  assert.equal(subject.current?.labels.zone, 'a');
  assert.equal(subject.labelled({})?.labels.zone, undefined);
  assert.equal(new HostSubject(undefined).labelled({ zone: 'a' }), undefined);
});

test('links that are found later are added to those of the top directories, in the place of earlier ones', () => {
  const subject = new HostSubject({ ...HOST, links: { '/bin': '/usr/bin' } });
  const linked = (links: Record<string, string>) =>
    subject.linked(subject.current!, { links, shared: [], folded: [], changing: {}, mountedTwice: new Map() });
  subject.replace(linked({ '/etc/a': '/etc/b' }));
  assert.deepEqual(subject.current?.links, { '/bin': '/usr/bin', '/etc/a': '/etc/b' });
  assert.deepEqual(linked({ '/etc/c': '/etc/d' }).links, { '/bin': '/usr/bin', '/etc/c': '/etc/d' });
});
