import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FigureName, type Group, isFigureName } from '../figures.js';
import { progress } from '../support/progress.js';

const TIMEOUT_SECONDS = 3600;
const STANDARD_ERROR = 2;
const BUILD = 'build/bench/vm';
const PROGRAMS = ['system-calls', 'nothing'];

/** The group, and the release of the virtual machine's kernel once it has run. */
export class VirtualMachineGroup implements Group {
  readonly figures: readonly FigureName[] = [
    'vm_open_ratio_outside',
    'vm_fork_ratio_outside',
    'vm_exec_ratio_outside',
    'vm_shell_ratio_outside',
    'vm_open_ratio_inside',
    'vm_fork_ratio_inside',
    'vm_exec_ratio_inside',
    'vm_connect_ratio_inside',
    'vm_unlink_ratio_inside',
    'vm_write_ratio_inside',
    'vm_shell_ratio_inside',
    'vm_open_ratio_profiled',
    'vm_exec_ratio_profiled',
    'vm_verified_instructions',
    'vm_verified_instructions_most',
    'vm_refusal_ms_1_first',
    'vm_refusal_ms_1',
    'vm_refusal_ms_1000',
    'vm_start_ratio_hook',
    'start_ms_0',
    'start_ms_1000',
    'daemon_rss_mib_idle',
    'daemon_rss_mib_1000_containers',
  ];
  kernel = 'not booted';

  readonly measure: Group['measure'] = async ({ quick, wants }, record) => {
    compilePrograms();
    const share = mkdtempSync(join(tmpdir(), 'hauberk-bench-'));
    try {
      const file = join(share, 'figures');
      const pattern = `^(${this.figures.filter(wants).join('|')})$`;
      progress('virtual machine: boots');
      const machine = spawn(
        'tools/vm/run',
        [
          // Ratios are measured on a kernel with its default settings.
          ...['--as-is', '--share', share, '--timeout', String(TIMEOUT_SECONDS)],
          ...[process.execPath, '--enable-source-maps', 'build/bench/vm/guest.js', file, pattern],
          ...(quick ? ['quick'] : []),
        ],
        { stdio: ['ignore', STANDARD_ERROR, STANDARD_ERROR] },
      );
      const [status] = await once(machine, 'exit');
      if (status !== 0) progress(`virtual machine: ended with ${status}`);
      for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
        const { kernel, name, value } = JSON.parse(line);
        if (kernel !== undefined) this.kernel = kernel;
        else if (isFigureName(name)) record(name, value);
      }
    } finally {
      rmSync(share, { recursive: true });
    }
  };
}

/** Compiled outside the virtual machine, where the compiler is quick. */
function compilePrograms(): void {
  mkdirSync(BUILD, { recursive: true });
  for (const name of PROGRAMS) {
    // Static, so that starting one opens no library.
    const parameters = [
      '-static',
      '-O2',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-o',
      `${BUILD}/${name}`,
      `bench/vm/${name}.c`,
    ];
    const { status, error } = spawnSync('clang', parameters, { stdio: ['ignore', STANDARD_ERROR, STANDARD_ERROR] });
    if (status !== 0) throw new Error(`cannot compile ${name}: ${error?.message ?? `clang ended with ${status}`}`);
  }
}
