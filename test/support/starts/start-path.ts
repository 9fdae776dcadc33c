/** A container to start, whose entry point makes an access at its first instruction. */
export interface Start {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** `SOURCE:PLACE`; only EngineStarts mounts them. */
  readonly volumes?: readonly string[];
}

export interface StartResult {
  readonly name: string;
  /** The exit status of its entry point; undefined where it never ran. */
  readonly status?: number;
  /** How long the runtime took to start the created container, or to refuse it. */
  readonly milliseconds: number;
  /** The runtime's message if it did not run. */
  readonly refusal?: string;
}

/** A way in which containers are started. */
export interface StartPath {
  readonly name: string;
  /** Makes an image from the files of a directory. */
  importImage(root: string, image: string): Promise<void>;
  /** Runs a container until its entry point has ended, and removes it. */
  start(start: Start): Promise<StartResult>;
}

/** Starts containers, `atOnce` at a time; the results are in the order of `starts`. */
export async function startAll(path: StartPath, starts: readonly Start[], atOnce: number): Promise<StartResult[]> {
  const results: StartResult[] = [];
  let next = 0;
  const work = async () => {
    while (next < starts.length) {
      const index = next++;
      results[index] = await path.start(starts[index]!);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
}

/** How long a runtime's start took, and why it failed if it did. */
export async function timed(start: () => Promise<unknown>): Promise<{ milliseconds: number; refusal?: string }> {
  const began = performance.now();
  try {
    await start();
    return { milliseconds: performance.now() - began };
  } catch (error) {
    return { milliseconds: performance.now() - began, refusal: (error as Error).message };
  }
}
