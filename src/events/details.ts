import { closeSync, openSync, readlinkSync, readSync } from 'node:fs';
import type { Container } from '../containers/container.js';
import type { EventRecord } from '../kernel/event-record.js';
import { textOf } from '../kernel/text.js';
import type { EventDetails } from './event.js';

/** What every event of this host carries. */
export interface HostIdentity {
  readonly hostName: string;
  readonly machineId: string;
}

/** How long details of a process are reused: its working directory may change. */
const HOLDS_MILLISECONDS = 100;
/** In a flood of processes at most this many are looked up in a second, so that events are read in time. */
const LOOKUPS_A_SECOND = 2000;
const KNOWN_MAX = 4096;
const READ_BYTES_MAX = 16 * 1024;
/** A process id is not reused within this time. */
const PARENT_NANOSECONDS = 10_000_000_000n;
const DEVICES = { pseudoTerminals: 136, pseudoTerminalsEnd: 144, terminals: 4, serial: 64 } as const;

type Process = Pick<EventDetails, 'commandLine' | 'workingDirectory' | 'terminal'>;
type UserRange = readonly [inside: number, outside: number, count: number];

interface Known {
  readonly program: string;
  readonly comm: string;
  readonly until: number;
  readonly process: Process;
  readonly users: readonly UserRange[];
}

const NO_PROCESS: Process = { commandLine: [], workingDirectory: '', terminal: '' };
const buffer = Buffer.alloc(READ_BYTES_MAX);

/** Looks up in the process table what a record does not contain, as soon as it is read. */
export class DetailsLookup {
  readonly #known = new Map<number, Known>();
  readonly #programs = new Map<number, { readonly program: string; readonly time: bigint }>();
  #second = 0;
  #lookups = 0;

  /** Events without details of their process, because too many came at once. */
  omitted = 0;

  constructor(
    readonly host: HostIdentity,
    readonly root = '/proc',
  ) {}

  of(record: EventRecord, container: Container | undefined): EventDetails {
    const { process, users } = this.#processOf(record);
    const containerUid = insideOf(users, record.uid);
    return {
      ...this.host,
      image: container?.image ?? '',
      ...process,
      ...(containerUid !== undefined && { containerUid }),
    };
  }

  /** The parent's program, also where the kernel could not tell it any more because the parent was just ending. */
  parentOf({ hostPid, program, hostParentPid, parentProgram, time }: EventRecord): string {
    if (this.#programs.size > KNOWN_MAX) this.#programs.clear();
    if (program !== '') this.#programs.set(hostPid, { program, time });
    if (parentProgram !== '') {
      this.#programs.set(hostParentPid, { program: parentProgram, time });
      return parentProgram;
    }
    const known = this.#programs.get(hostParentPid);
    return known !== undefined && time - known.time < PARENT_NANOSECONDS ? known.program : '';
  }

  #processOf({ hostPid, program, comm, operation }: EventRecord): Pick<Known, 'process' | 'users'> {
    const now = performance.now();
    const known = this.#known.get(hostPid);
    if (known !== undefined && known.until > now && known.program === program && known.comm === comm) return known;
    const second = Math.floor(now / 1000);
    if (second !== this.#second) this.#lookups = 0;
    this.#second = second;
    if (this.#lookups++ >= LOOKUPS_A_SECOND) {
      this.omitted++;
      return { process: NO_PROCESS, users: [] };
    }
    const found = this.#lookUp(hostPid, operation === 'exec' ? undefined : comm);
    if (this.#known.size > KNOWN_MAX) this.#known.clear();
    this.#known.set(hostPid, { program, comm, until: now + HOLDS_MILLISECONDS, ...found });
    return found;
  }

  /** @param comm what the process must be called, as its id may be another's by now; a program that is run changes it */
  #lookUp(pid: number, comm: string | undefined): Pick<Known, 'process' | 'users'> {
    const place = `${this.root}/${pid}`;
    try {
      const stat = readText(`${place}/stat`);
      const end = stat.lastIndexOf(')');
      if (comm !== undefined && stat.slice(stat.indexOf('(') + 1, end) !== comm)
        return { process: NO_PROCESS, users: [] };
      const terminal = terminalName(Number(stat.slice(end + 2).split(' ')[4]));
      const commandLine = readText(`${place}/cmdline`).replace(/\0$/u, '').split('\0');
      const directory = readlinkSync(`${place}/cwd`, { encoding: 'buffer' });
      return {
        process: {
          commandLine: commandLine[0] === '' && commandLine.length === 1 ? [] : commandLine,
          workingDirectory: textOf(directory, 0, directory.length),
          terminal,
        },
        users: readText(`${place}/uid_map`)
          .split('\n')
          .map((line) => line.trim().split(/\s+/u).map(Number) as unknown as UserRange),
      };
    } catch {
      // It has ended, or may not be looked at.
      return { process: NO_PROCESS, users: [] };
    }
  }
}

/** The beginning of a file of the process table. */
function readText(path: string): string {
  const file = openSync(path, 'r');
  try {
    return textOf(buffer, 0, readSync(file, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(file);
  }
}

function insideOf(users: readonly UserRange[], uid: number): number | undefined {
  const range = users.find(([, outside, count]) => uid >= outside && uid < outside + count);
  return range && range[0] + uid - range[1];
}

/** By the number in /proc/PID/stat. */
function terminalName(device: number): string {
  if (!(device > 0)) return '';
  const major = (device >>> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
  if (major >= DEVICES.pseudoTerminals && major < DEVICES.pseudoTerminalsEnd)
    return `pts/${(major - DEVICES.pseudoTerminals) * 256 + minor}`;
  if (major === DEVICES.terminals) return minor < DEVICES.serial ? `tty${minor}` : `ttyS${minor - DEVICES.serial}`;
  return `${major}:${minor}`;
}
