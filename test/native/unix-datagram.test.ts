import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sendUnixDatagram } from '../../src/sockets/unix-datagram.js';

/** Perl's core is on every Debian machine. */
const RECEIVER = `
use Socket;
$| = 1;
socket(my $socket, PF_UNIX, SOCK_DGRAM, 0) or die $!;
bind($socket, pack('Sa*', AF_UNIX, $ARGV[0] =~ s/^@/\\0/r)) or die $!;
print "bound\\n";
recv($socket, my $text, 100, 0);
print "$text\\n";`;

for (const [kind, path] of [
  ['a path', join(mkdtempSync(join(tmpdir(), 'hauberk-datagram-')), 'socket')],
  ['an abstract name', `@hauberk-test-${process.pid}`],
] as const) {
  test(`a datagram to ${kind} arrives whole`, async () => {
    const receiver = spawn('perl', ['-e', RECEIVER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    assert.equal(String((await once(receiver.stdout, 'data'))[0]), 'bound\n');
    assert.equal(sendUnixDatagram(path, 'READY=1'), true);
    assert.equal(String((await once(receiver.stdout, 'data'))[0]), 'READY=1\n');
    await once(receiver, 'exit');
  });
}

test('a datagram without a receiver, or to a path that is too long, is not sent', () => {
  assert.equal(sendUnixDatagram('/nowhere/socket', 'READY=1'), false);
  assert.equal(sendUnixDatagram(`/${'a'.repeat(108)}`, 'READY=1'), false);
});
