import { createHash } from 'node:crypto';
import type { RuleDescription } from '../events/rule-description.js';
import { describeRule } from '../events/rule-description.js';
import { namesHost, observesCalls } from '../image/layout.js';
import type { Limits } from '../image/limits.js';
import type { CompiledRules, EnforcedImage, Enforcer } from '../kernel/enforcer.js';
import { policyKey } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import { finish, isStep, type Steps } from '../steps.js';
import { finishInTimeSlices } from '../time-slices.js';

/** A rule set that decides for at least one container, compiled and in the kernel. */
export interface LiveImage {
  /** Equal for rule sets that decide alike and are reported alike. */
  readonly key: string;
  readonly ruleSet: RuleSet;
  readonly kernelImage: EnforcedImage;
  /** Indexed by the rule number of a verdict. */
  readonly rules: readonly RuleDescription[];
  /** Whether it has to see system calls as they are made. */
  readonly observesCalls: boolean;
  /** Whether it has to learn the addresses of names. */
  readonly readsAnswers: boolean;
  /** Whether it may refuse files. */
  readonly decidesFiles: boolean;
  /** See CompiledRules.decided. */
  readonly decided: ReadonlySet<number>;
}

/** What has to be written down of images before a change takes effect. */
export interface ImageChanges {
  readonly added: readonly LiveImage[];
  /** Ids of images that were replaced earlier; their events have been read. */
  readonly retired: readonly number[];
  /** The highest image id ever used. */
  readonly lastImage: number;
}

interface Usage {
  uses: number;
  /** What its rule numbers mean is on disk. */
  isWritten: boolean;
}

/** Events of a replaced image may still wait in the ring: the rules of this many images are remembered. */
const RETIRED_IMAGES_MAX = 256;

/** The images in use. Equal rule sets share one image, which is let go when nobody holds it any more. */
export class LiveImages {
  readonly #byKey = new Map<string, LiveImage>();
  readonly #usages = new Map<LiveImage, Usage>();
  readonly #making = new Map<string, Promise<void>>();
  readonly #rulesByImageId: Map<number, readonly RuleDescription[]>;
  /** Images no longer in use whose rules are remembered, oldest first. */
  readonly #remembered: number[];
  #retired: readonly number[];
  #imageId: number;
  #observing = 0;
  #naming = 0;

  /**
   * @param earlier what the rule numbers of an earlier daemon's images mean
   * @param lastImageId the highest id of an image ever used
   * @param limits where they are not to be the usual ones
   */
  constructor(
    readonly kernel: Pick<Enforcer, 'compile' | 'fits' | 'releaseImage' | 'readAnswers'>,
    earlier: ReadonlyMap<number, readonly RuleDescription[]>,
    lastImageId: number,
    readonly limits: Partial<Limits> = {},
  ) {
    this.#rulesByImageId = new Map(earlier);
    this.#remembered = [...earlier.keys()];
    this.#retired = [...earlier.keys()];
    this.#imageId = lastImageId;
  }

  get count(): number {
    return this.#byKey.size;
  }

  /** Whether an image in use has to see system calls as they are made. */
  get observesCalls(): boolean {
    return this.#observing > 0;
  }

  /** Whether an image in use has to learn the addresses of names. */
  get readsAnswers(): boolean {
    return this.#naming > 0;
  }

  /** What a rule number of an image means; also of one just replaced. */
  ruleOf(imageId: number, rule: number): RuleDescription | undefined {
    return this.#rulesByImageId.get(imageId)?.[rule];
  }

  /** The image for a rule set, new in the kernel if need be; held until it is released. */
  async obtain(ruleSet: RuleSet): Promise<LiveImage> {
    const key = keyOf(ruleSet);
    for (;;) {
      const image = this.#byKey.get(key);
      if (image !== undefined) {
        this.hold(image);
        return image;
      }
      await this.#made(key, ruleSet);
    }
  }

  /** Holds it once more. */
  hold(image: LiveImage): void {
    this.#usages.get(image)!.uses++;
  }

  release(image: LiveImage): void {
    const usage = this.#usages.get(image)!;
    usage.uses--;
    if (usage.uses > 0) return;
    const { imageId } = image.kernelImage;
    this.#usages.delete(image);
    this.#byKey.delete(image.key);
    if (image.observesCalls) this.#observing--;
    if (image.readsAnswers) this.#naming--;
    this.kernel.releaseImage(image.kernelImage);
    if (usage.isWritten) this.#retire(imageId);
    else this.#rulesByImageId.delete(imageId);
  }

  /** What is to be written down before these take effect. */
  changesFor(images: Iterable<LiveImage>): ImageChanges {
    const added = [...new Set(images)].filter((image) => !this.#usages.get(image)!.isWritten);
    return { added, retired: this.#retired, lastImage: this.#imageId };
  }

  /** To be called once it is written down. */
  written({ added, retired }: ImageChanges): void {
    for (const image of added) this.#usages.get(image)!.isWritten = true;
    const erased = new Set(retired);
    this.#retired = this.#retired.filter((imageId) => !erased.has(imageId));
  }

  /** The places in a rule set of the rules that decide anything. */
  async decidedRules(ruleSet: RuleSet): Promise<ReadonlySet<number>> {
    return this.#byKey.get(keyOf(ruleSet))?.decided ?? (await this.#compile(ruleSet)).decided;
  }

  /** Whether an image in use decides by this rule set. */
  has(ruleSet: RuleSet): boolean {
    return this.#byKey.has(keyOf(ruleSet));
  }

  /** Compiles a rule set that no image in use decides by, to see whether it can be. */
  async tryToCompile(ruleSet: RuleSet): Promise<void> {
    if (!this.has(ruleSet)) await this.#compile(ruleSet);
  }

  /** Whether a rule set can be compiled, for which no image has to be made. */
  async fits(ruleSet: RuleSet): Promise<boolean> {
    return this.has(ruleSet) || (await finishInTimeSlices(this.kernel.fits(ruleSet, this.limits)));
  }

  #compile(ruleSet: RuleSet): Promise<CompiledRules> {
    return finishInTimeSlices(this.kernel.compile(ruleSet, this.limits));
  }

  /** What several ask for at once is compiled once. */
  #made(key: string, ruleSet: RuleSet): Promise<void> {
    const making = this.#making.get(key) ?? this.#make(key, ruleSet).finally(() => this.#making.delete(key));
    this.#making.set(key, making);
    return making;
  }

  async #make(key: string, ruleSet: RuleSet): Promise<void> {
    const compiled = await this.#compile(ruleSet);
    const readsAnswers = ruleSet.rules.some(namesHost);
    if (readsAnswers) await this.#beginToReadAnswers();
    this.#imageId++;
    const made: LiveImage = {
      key,
      ruleSet,
      kernelImage: compiled.createImage(this.#imageId),
      rules: compiled.rules.map(describeRule),
      observesCalls: ruleSet.rules.some(observesCalls),
      readsAnswers,
      decidesFiles: compiled.decidesFiles,
      decided: compiled.decided,
    };
    this.#byKey.set(key, made);
    this.#usages.set(made, { uses: 0, isWritten: false });
    if (made.observesCalls) this.#observing++;
    // Before the kernel can report by it, not after.
    this.#rulesByImageId.set(made.kernelImage.imageId, made.rules);
  }

  /** No image that needs it decides before. */
  async #beginToReadAnswers(): Promise<void> {
    this.#naming++;
    try {
      await this.kernel.readAnswers(true);
    } catch (error) {
      this.#naming--;
      throw error;
    }
  }

  #retire(imageId: number): void {
    this.#retired = [...this.#retired, imageId];
    this.#remembered.push(imageId);
    while (this.#remembered.length > RETIRED_IMAGES_MAX) this.#rulesByImageId.delete(this.#remembered.shift()!);
  }
}

/** Equal for rule sets that decide alike and are reported alike. */
export function keyOf(ruleSet: RuleSet): string {
  return keys.get(ruleSet) ?? finish(keyInSteps(ruleSet));
}

/** The same, so that other work can run meanwhile where it is to be written. */
export function* keyInSteps(ruleSet: RuleSet): Steps<string> {
  const known = keys.get(ruleSet);
  if (known !== undefined) return known;
  const { postures, permissivePostures, profiled, visible, rules } = ruleSet;
  // A digest: as text it is as long as the rules, once for each container, and compared as a whole at every look-up.
  const digest = createHash('sha256');
  digest.update(JSON.stringify([postures, permissivePostures, profiled, visible]));
  for (const [place, { policy, rule, guardedLinks }] of rules.entries()) {
    const { mode, guards, heldDescriptors, loaderLibraries } = policy;
    digest.update(
      JSON.stringify([policyKey(policy), mode, guards, heldDescriptors, loaderLibraries, rule, guardedLinks]),
    );
    if (isStep(place)) yield;
  }
  const key = digest.digest('base64url');
  keys.set(ruleSet, key);
  return key;
}

/** Of large rule sets they take milliseconds to write. */
const keys = new WeakMap<RuleSet, string>();
