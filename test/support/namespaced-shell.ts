import { readFileSync } from 'node:fs';
import type { Client } from './client.js';
import { Shell } from './shell.js';

/** A shell as process 1 of its own mount and PID namespaces: in effect a container, and quick to start and use. */
export class NamespacedShell extends Shell {
  constructor() {
    super(
      ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '/bin/bash', '--norc'],
      '/bin/bash --norc -c',
    );
  }

  /** A shell that is registered as a container of this name, which is also the value of its label `app`. */
  static async registered(client: Client, name: string): Promise<NamespacedShell> {
    const shell = new NamespacedShell();
    await shell.run('true');
    const container = { id: name, name, labels: { app: name }, pid: shell.pid };
    await client.call('ContainerService', 'RegisterContainer', container);
    return shell;
  }

  /** The shell's process id on the host; known once it has answered. */
  get pid(): number {
    const { pid } = this.process;
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));
  }
}
