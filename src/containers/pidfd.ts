import { readFileSync } from 'node:fs';
import koffi from 'koffi';

const PIDFD_OPEN = 434;
const libc = koffi.load('libc.so.6');
const systemCall = libc.func('long syscall(long number, int pid, unsigned int flags)');
const close = libc.func('int close(int fd)');

/** Refers to one process, even if its number is reused. */
export class ProcessDescriptor {
  private constructor(readonly fd: number) {}

  /** @returns undefined where there is no such process */
  static open(pid: number): ProcessDescriptor | undefined {
    const fd = Number(systemCall(PIDFD_OPEN, pid, 0));
    return fd < 0 ? undefined : new ProcessDescriptor(fd);
  }

  /** Whether the process still has its number: it runs, or nobody has waited for it yet. */
  get hasNumber(): boolean {
    return !/^Pid:\t-1$/mu.test(readFileSync(`/proc/self/fdinfo/${this.fd}`, 'utf8'));
  }

  close(): void {
    close(this.fd);
  }
}
