import type { RuleDescription } from '../events/rule-description.js';
import { describeRule } from '../events/rule-description.js';
import { compileInSteps } from '../image/compile.js';
import { observesCalls } from '../image/layout.js';
import type { KernelImage } from '../kernel/images.js';
import type { Kernel } from '../kernel/kernel.js';
import { policyKey } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import { finishInTurns } from './turns.js';

/** A rule set that decides for at least one container, compiled and in the kernel. */
export interface LiveImage {
  /** Equal for rule sets that decide alike and are reported alike. */
  readonly key: string;
  readonly ruleSet: RuleSet;
  readonly kernelImage: KernelImage;
  /** Indexed by the rule number of a verdict. */
  readonly rules: readonly RuleDescription[];
  /** Whether it has to see system calls as they are made. */
  readonly observesCalls: boolean;
  /** See Image.decided. */
  readonly decided: ReadonlySet<number>;
}

/** Events of a replaced image may still wait in the ring: so many revisions are remembered. */
const RETIRED_IMAGES_KEPT = 256;

/** The images in force. Equal rule sets share one image. */
export class LiveImages {
  readonly #byKey = new Map<string, LiveImage>();
  readonly #rulesByImageId: Map<number, readonly RuleDescription[]>;
  #imageId: number;

  /**
   * @param earlier what the rule numbers of an earlier daemon's images mean
   * @param lastImageId the highest imageId ever used
   */
  constructor(
    readonly kernel: Pick<Kernel, 'createImage' | 'releaseImage'>,
    earlier: ReadonlyMap<number, readonly RuleDescription[]>,
    lastImageId: number,
  ) {
    this.#rulesByImageId = new Map(earlier);
    this.#imageId = lastImageId;
  }

  get count(): number {
    return this.#byKey.size;
  }

  get lastImageId(): number {
    return this.#imageId;
  }

  /** What a rule number of a imageId means; also of one just replaced. */
  ruleOf(imageId: number, rule: number): RuleDescription | undefined {
    return this.#rulesByImageId.get(imageId)?.[rule];
  }

  /** The image for a rule set: the one in force, or one of `fresh`, or a new one in the kernel, added to `fresh`. */
  async obtain(ruleSet: RuleSet, fresh: Map<string, LiveImage>): Promise<LiveImage> {
    const key = keyOf(ruleSet);
    const existing = this.#byKey.get(key) ?? fresh.get(key);
    if (existing !== undefined) return existing;
    const image = await finishInTurns(compileInSteps(ruleSet));
    this.#imageId++;
    const kernelImage = this.kernel.createImage(image, this.#imageId);
    const made = {
      key,
      ruleSet,
      kernelImage,
      rules: image.rules.map(describeRule),
      observesCalls: ruleSet.rules.some(observesCalls),
      decided: image.decided,
    };
    fresh.set(key, made);
    // Before the kernel can report by it, not after.
    this.#rulesByImageId.set(kernelImage.imageId, made.rules);
    return made;
  }

  /** The places in a rule set of the rules that decide anything. */
  async decidedRules(ruleSet: RuleSet): Promise<ReadonlySet<number>> {
    return this.#byKey.get(keyOf(ruleSet))?.decided ?? (await finishInTurns(compileInSteps(ruleSet))).decided;
  }

  /** Whether an image in force decides by this rule set. */
  has(ruleSet: RuleSet): boolean {
    return this.#byKey.has(keyOf(ruleSet));
  }

  /** Compiles a rule set that no image in force decides by, to see whether it can be. */
  async compile(ruleSet: RuleSet): Promise<void> {
    if (!this.has(ruleSet)) await finishInTurns(compileInSteps(ruleSet));
  }

  /** Gives back images that were obtained but will not be used. */
  abandon(fresh: ReadonlyMap<string, LiveImage>): void {
    for (const { kernelImage } of fresh.values()) {
      this.kernel.releaseImage(kernelImage);
      this.#rulesByImageId.delete(kernelImage.imageId);
    }
  }

  /** Keeps the images that are in use from now on, lets go of the others and returns those. */
  settle(inUse: Iterable<LiveImage>): LiveImage[] {
    const kept = new Map<string, LiveImage>();
    for (const image of inUse) kept.set(image.key, image);
    const released = [...this.#byKey.values()].filter(({ key }) => !kept.has(key));
    for (const image of released) this.kernel.releaseImage(image.kernelImage);
    this.#byKey.clear();
    for (const [key, image] of kept) this.#byKey.set(key, image);
    this.#forgetOldImages();
    return released;
  }

  #forgetOldImages(): void {
    const live = new Set([...this.#byKey.values()].map(({ kernelImage }) => kernelImage.imageId));
    const retired = [...this.#rulesByImageId.keys()].filter((imageId) => !live.has(imageId));
    for (const imageId of retired.slice(0, Math.max(0, retired.length - RETIRED_IMAGES_KEPT))) {
      this.#rulesByImageId.delete(imageId);
    }
  }
}

function keyOf(ruleSet: RuleSet): string {
  return JSON.stringify([
    ruleSet.postures,
    ruleSet.permissivePostures,
    ruleSet.profiled,
    ruleSet.rules.map(({ policy, rule }) => [policyKey(policy), policy.mode, rule]),
  ]);
}
