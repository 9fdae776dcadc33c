import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';

/** The image of most tests. */
export const PROGRAMS_IMAGE = 'programs';
/** Exists once the image does. */
const MADE = '/run/programs-image-made';

const IN_BIN = 'cat chmod chown cp dash ln ls mkdir mknod mount mv rm rmdir sleep touch true tty umount'.split(' ');
const IN_USR_BIN = 'env head id perl truncate unshare whoami'.split(' ');
/** What rules name, and programs that differ from others only in their path. */
const OTHERS = {
  '/bin/one': '/usr/bin/perl',
  '/bin/other': '/usr/bin/perl',
  '/bin/two': '/usr/bin/perl',
  '/bin/unshare': '/usr/bin/unshare',
  '/bin/uses': 'build/test/support/uses',
  '/home/user1/hello': '/bin/true',
  '/opt/tool/sleep': '/bin/sleep',
  '/sbin/route': '/bin/true',
};

/** Starts Docker and makes the image unless an earlier test file has: the copying takes seconds under emulation. */
export function makeProgramsImage(): void {
  execFileSync('tools/vm/docker', { stdio: 'inherit' });
  if (existsSync(MADE)) return;
  const programs = [
    ...IN_BIN.map((name) => `/bin/${name}`),
    ...IN_USR_BIN.map((name) => `/usr/bin/${name}`),
    ...Object.entries(OTHERS).map(([path, program]) => `${path}=${program}`),
  ];
  execFileSync('tools/vm/image', [PROGRAMS_IMAGE, ...programs], { stdio: 'inherit' });
  writeFileSync(MADE, '');
}
