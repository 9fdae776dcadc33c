/** The definition of a figure, independent of what measures it. */
export interface Definition {
  readonly unit: string;
  /** The value that it should have; null where none was set. */
  readonly target: string | null;
  readonly meaning: string;
}

const match = (rules: string, meaning: string, target: string | null = null): Definition => ({
  unit: 'ns',
  target,
  meaning: `one decision by ${rules}, a 40-byte path ${meaning}`,
});
const hit = 'that a rule names';
const miss = 'that differs from a rule in its last byte';
const matchTarget = (name: string) => `≤ 1.2 × match_ns_10_${name}, < match_ns_empty + 150`;

const ratio = (what: string, target: string | null = null): Definition => ({
  unit: 'ratio',
  target,
  meaning: `${what}, compared with empty programs on the same hooks`,
});

const path = (components: number): Definition => ({
  unit: 'ns',
  target: null,
  meaning: `the path of an open file of ${components} components, found in the kernel`,
});

const profiled = (what: string): Definition => ({
  unit: 'ratio',
  target: null,
  meaning: `${what} in a container that a profile learns from, compared with one under the same policy alone`,
});

const latency = (percent: number, rate: string, target: string | null = null): Definition => ({
  unit: 'ms',
  target,
  meaning: `from the kernel's record to a client of another process, ${percent} % of ${rate} events/s are quicker`,
});

/** Every figure, in the order of the table. */
export const FIGURES = {
  match_ns_10_hit: match('10 rules', hit),
  match_ns_10_miss: match('10 rules', miss),
  match_ns_1000_hit: match('1,000 rules', hit),
  match_ns_1000_miss: match('1,000 rules', miss),
  match_ns_10000_hit: match('10,000 rules', hit, matchTarget('hit')),
  match_ns_10000_miss: match('10,000 rules', miss, matchTarget('miss')),
  match_ns_empty: { unit: 'ns', target: null, meaning: 'the same loop in the kernel without a decision' },
  path_ns_6: path(6),
  path_ns_13: path(13),
  path_ns_43: path(43),
  path_ns_6_cached: {
    unit: 'ns',
    target: null,
    meaning: 'the same with 6 components, alternating between two files of one directory',
  },
  compile_s_1000: {
    unit: 's',
    target: null,
    meaning: '1,000 rules to an image, half of them patterns and directories',
  },
  compile_s_10000: { unit: 's', target: '< 1', meaning: 'the same for 10,000 rules' },
  compile_cpu_s_10000: { unit: 's', target: '< 0.25', meaning: 'its processor time' },
  image_bytes_per_rule_10000: { unit: 'bytes', target: null, meaning: 'size of that image, for each rule' },
  compile_s_mix_500: {
    unit: 's',
    target: null,
    meaning: '500 policies with every kind of rule to one image',
  },
  match_ns_mix_500_hit: match('these 500 policies', 'that a rule names for the acting program'),
  match_ns_mix_500_miss: match('these 500 policies', 'that differs from it in its last byte'),
  match_ns_mix_500_socket: {
    unit: 'ns',
    target: null,
    meaning: 'one decision by these 500 policies, a connection to an address and port that a rule names',
  },
  apply_s_mix_500: {
    unit: 's',
    target: null,
    meaning: 'these 500 policies to one container in one call, with their comparison; without kernel and disk',
  },
  explain_ms_500_policies: {
    unit: 'ms',
    target: null,
    meaning: 'Explain for a container that these 500 policies reach, as measured by the client',
  },
  apply_ms_1_first: {
    unit: 'ms',
    target: '< 5',
    meaning:
      'the first policy since a start, one rule for one container, from the call until it is on disk and the kernel decides by it',
  },
  apply_ms_1: { unit: 'ms', target: '< 5', meaning: 'the same for later policies' },
  apply_cpu_ms_1: { unit: 'ms', target: null, meaning: 'its processor time' },
  apply_ms_1000_containers: {
    unit: 'ms',
    target: '< 20',
    meaning: 'a policy for 1,000 containers of ten kinds, from the call until it is on disk and every map is updated',
  },
  apply_cpu_ms_1000_containers: { unit: 'ms', target: null, meaning: 'its processor time' },
  apply_stall_ms: { unit: 'ms', target: '≤ 20', meaning: 'worst delay of the event loop meanwhile' },
  apply_ms_10000_containers: { unit: 'ms', target: '< 200', meaning: 'the same policy for 10,000 containers' },
  apply_cpu_ms_10000_containers: { unit: 'ms', target: null, meaning: 'its processor time' },
  register_ms_1: {
    unit: 'ms',
    target: null,
    meaning: 'a new container, until it is on disk and the map is updated',
  },
  register_cpu_ms_1: { unit: 'ms', target: null, meaning: 'its processor time' },
  register_ms_50: { unit: 'ms', target: '≤ 5 × register_ms_1', meaning: '50 at once, until the last is registered' },
  register_ms_1000: { unit: 'ms', target: null, meaning: '1,000 at once, until the last is registered' },
  register_visible_ms_1: {
    unit: 'ms',
    target: '< 20',
    meaning: 'a new container, until the kernel decides for it, which its start has to wait for',
  },
  hook_ms: {
    unit: 'ms',
    target: '< 20',
    meaning:
      'hauberk-hook, which the start of a container waits for, from its own start to its end: by then the kernel decides for the container',
  },
  register_s_10000: { unit: 's', target: '< 10', meaning: '10,000 containers, a hundred in flight' },
  register_cpu_s_10000: { unit: 's', target: null, meaning: 'its processor time' },
  hostile_stall_ms: {
    unit: 'ms',
    target: '≤ 20',
    meaning:
      "longest turn of the event loop, in its thread's processor time, whatever a hostile viewer sends; a request that " +
      'exceeds the target is tried up to five times, and the best counts',
  },
  sync_s_10000_policies: {
    unit: 's',
    target: '< 3',
    meaning: '10,000 policies by SyncPolicies, as measured by the client; without kernel and disk',
  },
  sync_cpu_s_10000_policies: { unit: 's', target: null, meaning: "its processor time in the daemon's process" },
  events_per_s: {
    unit: 'events/s',
    target: '≥ 100000',
    meaning: 'from the kernel to a client of another process, none lost in three runs',
  },
  journal_events_per_s: {
    unit: 'events/s',
    target: '≥ 162000',
    meaning: 'the same with the journal, in the temporary directory',
  },
  event_p50_ms_1000: latency(50, '1,000'),
  event_p99_ms_1000: latency(99, '1,000', '< 10'),
  event_p50_ms_50000: latency(50, '50,000'),
  event_p99_ms_50000: latency(99, '50,000'),
  event_cpu_ns_50000: {
    unit: 'ns',
    target: null,
    meaning: 'processor time of the serving process for one of 50,000 events/s, to one client',
  },
  journal_event_cpu_ns_50000: { unit: 'ns', target: null, meaning: 'the same with the journal' },
  event_bytes: { unit: 'bytes', target: null, meaning: 'one event within a message of the stream' },
  event_rss_mib: {
    unit: 'MiB',
    target: null,
    meaning: 'peak resident memory of the serving process, including the ring, which is mapped twice',
  },
  streams_1000_rss_mib: {
    unit: 'MiB',
    target: null,
    meaning: 'peak resident memory while serving 1,000 connections with a stream each, 10 of them not reading',
  },
  streams_1000_p99_ms: {
    unit: 'ms',
    target: null,
    meaning: 'latency of 99 % of the events on the other 990 streams, 10 events/s to each',
  },
  vm_open_ratio_outside: ratio('open and close outside every container', '≤ 1.05'),
  vm_fork_ratio_outside: ratio('fork and exit outside every container', '≤ 1.02'),
  vm_exec_ratio_outside: ratio('spawn, exec and exit outside every container', '≤ 1.02'),
  vm_shell_ratio_outside: ratio('a shell script that runs two programs, outside every container', '≤ 1.02'),
  vm_open_ratio_inside: ratio('open and close in a container with 100 rules', '≤ 1.5'),
  vm_fork_ratio_inside: ratio('fork and exit in that container'),
  vm_exec_ratio_inside: ratio('spawn, exec and exit in that container'),
  vm_connect_ratio_inside: ratio('TCP connect to loopback in that container'),
  vm_unlink_ratio_inside: ratio('unlink in that container'),
  vm_write_ratio_inside: ratio('write of 256 bytes to an open file in that container', '≤ 1.02'),
  vm_shell_ratio_inside: ratio('a shell script that runs two programs in that container'),
  vm_open_ratio_profiled: profiled('open and close'),
  vm_exec_ratio_profiled: profiled('spawn, exec and exit'),
  vm_start_ratio_hook: {
    unit: 'ratio',
    target: '< 1.15',
    meaning:
      "Docker's start of a container that is under a policy before its first instruction, compared with one without the hook",
  },
  vm_refusal_ms_1_first: {
    unit: 'ms',
    target: '< 60',
    meaning:
      'the first policy since a start, one rule for one container, from the call until the container is refused a file',
  },
  vm_refusal_ms_1: { unit: 'ms', target: '< 60', meaning: 'the same for later policies' },
  vm_refusal_ms_1000: { unit: 'ms', target: '< 1000', meaning: 'the same for later policies of 1,000 rules' },
  vm_verified_instructions: {
    unit: 'instructions',
    target: null,
    meaning: "instructions that the kernel's verifier processes before hauberkd is ready, in all programs at hooks",
  },
  vm_verified_instructions_most: {
    unit: 'instructions',
    target: null,
    meaning: 'the same in the program with the most',
  },
  start_ms_0: { unit: 'ms', target: null, meaning: 'from the start of hauberkd to SERVING, nothing to load' },
  start_ms_1000: { unit: 'ms', target: null, meaning: 'the same with 1,000 policies on disk' },
  daemon_rss_mib_idle: { unit: 'MiB', target: null, meaning: 'resident memory of hauberkd without a container' },
  daemon_rss_mib_1000_containers: { unit: 'MiB', target: null, meaning: 'the same with 1,000 under a policy' },
} as const satisfies Readonly<Record<string, Definition>>;

export type FigureName = keyof typeof FIGURES;
export const FIGURE_NAMES = Object.keys(FIGURES) as readonly FigureName[];

export function isFigureName(name: string): name is FigureName {
  return Object.hasOwn(FIGURES, name);
}

/** Takes a measured value. */
export type Recorder = (name: FigureName, value: number) => void;

export interface Scope {
  /** Fewer and shorter runs: to see that everything works, not to quote. */
  readonly quick: boolean;
  wants(name: FigureName): boolean;
}

/** Figures that are measured together. */
export interface Group {
  readonly figures: readonly FigureName[];
  /** Records each figure as soon as it is known; after a rejection only the later ones are missing. */
  measure(scope: Scope, record: Recorder): Promise<void>;
}

/** The line printed for a measured figure. */
export function figureLine(name: FigureName, value: number): string {
  const { unit, target } = FIGURES[name];
  return JSON.stringify({ name, value: rounded(value), unit, target });
}

/** Four digits are precise enough. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
