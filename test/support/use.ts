/** Kinds of containers and the flags that make them; whatever one may do, the next may too. */
export const CONTAINERS = {
  default: [],
  unconfined: ['--security-opt=seccomp=unconfined', '--security-opt=apparmor=unconfined'],
  privileged: ['--privileged'],
} as const satisfies Record<string, readonly string[]>;
export type ContainerKind = keyof typeof CONTAINERS;
export const CONTAINER_KINDS = Object.keys(CONTAINERS) as ContainerKind[];

/** Something to try in a container. */
export interface Trial {
  readonly technique: string;
  /** The least privileged kind of container in which it works without a policy; `default` if left out. */
  readonly container?: ContainerKind;
  /** A command of test/support/uses.c, or `sh` and a shell script. */
  readonly command: readonly string[];
  /** Run before, without a policy, each time. */
  readonly preparation?: string;
}

/** One way to use what a policy blocks. */
export interface Use extends Trial {
  /** Fields of the event of the refusal. */
  readonly reported: {
    readonly operation: string;
    readonly object?: string;
    readonly class?: string;
    readonly program?: string;
  };
  /** It comes to the decision about the plain use of the same object; otherwise it took something of its own to refuse. */
  readonly isHeld?: true;
}

/** What stays possible under the policy. */
export interface Limit extends Omit<Trial, 'command'> {
  /** Left out where no test tries it. */
  readonly command?: readonly string[];
  readonly why: string;
}

export interface Group {
  readonly name: string;
  /** Lines of the policy's `spec`. */
  readonly rules: string;
  /** Lines of a policy that protects the same by allowing everything else, with Block as the posture. */
  readonly allowList?: string;
  readonly refused: readonly Use[];
  readonly outOfReach?: readonly Limit[];
  /** Commands that the rules allow. */
  readonly free: readonly (readonly string[])[];
}

export const BLOCK = 'file: {matchDirectories: [{dir: /v/guard/, recursive: true}, {dir: /guard/, recursive: true}]}';

/** Everything but what BLOCK names. */
export const ALL_BUT_BLOCKED = `file:
    action: Allow
    matchDirectories: [${[
      'bin',
      'dev',
      'etc',
      'free',
      'lib',
      'lib64',
      'proc',
      'root',
      'sbin',
      'sys',
      'tmp',
      'usr',
      'v/free',
    ]
      .map((directory) => `{dir: /${directory}/, recursive: true}`)
      .join(', ')}]`;
