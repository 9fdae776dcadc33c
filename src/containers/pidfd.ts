import { readFileSync } from 'node:fs';
import { closeDescriptor, openProcess } from '../native/libc.js';

/** Refers to one process, even if its number is reused. */
export class ProcessDescriptor {
  private constructor(readonly fd: number) {}

  /** @returns undefined where there is no such process */
  static open(pid: number): ProcessDescriptor | undefined {
    const fd = openProcess(pid);
    return fd < 0 ? undefined : new ProcessDescriptor(fd);
  }

  /** Whether the process still has its number: it runs, or nobody has waited for it yet. */
  get hasNumber(): boolean {
    return !/^Pid:\t-1$/mu.test(readFileSync(`/proc/self/fdinfo/${this.fd}`, 'utf8'));
  }

  close(): void {
    closeDescriptor(this.fd);
  }
}
