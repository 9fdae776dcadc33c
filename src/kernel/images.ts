import type { NamespacePair } from '../containers/container.js';
import type { Image } from '../image/image.js';
import { ENTRY_BYTES, HEADER, PAGE_ENTRIES } from '../image/layout.js';
import type { Limits } from '../image/limits.js';
import { checked } from '../native/kernel-error.js';
import {
  BPF_F_INNER_MAP,
  BPF_F_RDONLY_PROG,
  BPF_MAP_TYPE_ARRAY,
  createMap,
  deleteBatchAsync,
  freezeMap,
  MAP_CREATE_OPTIONS_BYTES,
  mapById,
  updateBatch,
  updateBatchAsync,
} from '../native/libbpf.js';
import { closeDescriptor } from '../native/libc.js';
import type { Rule } from '../policy/model.js';
import { pathsNamedBy } from '../policy/named-paths.js';
import type { RuleSet } from '../policy/rule-set.js';
import type { Steps } from '../steps.js';
import { compileWith } from './compile-with.js';
import { mapId } from './descriptor-info.js';
import type { CompiledRules, EnforcedImage, PublishedContainer } from './enforcer.js';
import {
  CONTAINER_KEY_BYTES,
  containerIn,
  containerKey,
  deleteIfPresent,
  keysOf,
  lookupIfPresent,
} from './map-elements.js';

const START_BYTES = 8;
const DEVICE_BYTES = 4;
const MAP_ID_BYTES = 4;
/** A map of maps contains the ids of its inner maps. */
const IMAGE_NUMBER_BYTES = 4;
const PAGE_BYTES = PAGE_ENTRIES * ENTRY_BYTES;

/** An image in the kernel: complete and frozen. It lives while a container uses it or until it is released. */
export interface KernelImage extends EnforcedImage {
  readonly descriptor: number;
  /** The kernel's own id of its map. */
  readonly mapId: number;
  readonly bytes: number;
  /** Paths that file rules name one by one. */
  readonly paths?: readonly string[];
  /** Paths, directories and the beginnings of patterns, of file rules that may refuse. */
  readonly places?: readonly string[];
}

/** Compiles a rule set for the programs in the kernel. */
export function compileForKernel(ruleSet: RuleSet, limits?: Partial<Limits>): Steps<CompiledRules> {
  return compileWith(ruleSet, createKernelImage, limits);
}

/** Copies an image into a map of its own, writes its id into the header, and freezes it. */
export function createKernelImage(image: Image, imageId: number): KernelImage {
  const pages = Math.ceil(image.words.length / 2 / PAGE_ENTRIES);
  const descriptor = checked(
    'cannot create the map of a policy image',
    createMap(BPF_MAP_TYPE_ARRAY, 'hauberk_image', 4, PAGE_BYTES, pages, {
      sz: MAP_CREATE_OPTIONS_BYTES,
      map_flags: BPF_F_INNER_MAP | BPF_F_RDONLY_PROG,
    }),
  );
  try {
    const words = new Uint32Array((pages * PAGE_BYTES) / 4);
    words.set(image.words);
    words[HEADER.identity * 2] = imageId;
    const keys = Uint32Array.from({ length: pages }, (_, index) => index);
    checked('cannot fill a policy image', updateBatch(descriptor, keys, words, [pages], null));
    checked('cannot freeze a policy image', freezeMap(descriptor));
  } catch (error) {
    closeDescriptor(descriptor);
    throw error;
  }
  const bytes = pages * PAGE_BYTES;
  return { descriptor, imageId, mapId: mapId(descriptor), bytes, paths: singlePaths(image), places: placesOf(image) };
}

/**
 * The rules that refuse or report accesses to files: for what every process may do by any name, nodes need not be known
 * by their numbers.
 */
function limitingFileRules({ rules }: Image): Rule[] {
  return rules.flatMap((each) => {
    const isLimiting =
      'rule' in each && each.rule.class === 'file' && (each.rule.action !== 'Allow' || each.rule.readOnly);
    return isLimiting ? [each.rule] : [];
  });
}

function singlePaths(image: Image): string[] {
  const paths = limitingFileRules(image).flatMap(({ match }) => (match.kind === 'exact' ? [match.path] : []));
  return [...new Set(paths)];
}

function placesOf(image: Image): string[] {
  return [...new Set(limitingFileRules(image).flatMap(({ match }) => pathsNamedBy(match)))];
}

export function releaseKernelImage(image: KernelImage): void {
  closeDescriptor(image.descriptor);
}

/** How long to wait before looking again whether new containers are visible. */
const LOOK_MILLISECONDS = 1;
const ENOENT = 2;

/**
 * The pinned hash-of-maps: which image decides for which container. Beside it, the start and the root of each
 * container.
 */
export class ContainerMap {
  constructor(
    readonly descriptor: number,
    readonly starts: number,
    readonly roots: number,
  ) {}

  /**
   * Gives each container its image in one batched update, off the main thread: the kernel waits for a grace period
   * once a call (before Linux 6.8 for each container), so that no decision under way still sees the image that was
   * replaced when this resolves. A container's own switch is atomic.
   *
   * @param onVisible called for each container once the kernel decides by its image: for a new one before the kernel
   *   has waited
   */
  async publish(
    entries: readonly PublishedContainer<KernelImage>[],
    onVisible: (container: NamespacePair) => void = () => undefined,
  ): Promise<void> {
    if (entries.length === 0) return;
    const keys = keysFor(entries.map(({ container }) => container));
    const values = new Uint32Array(entries.map(({ image }) => image.descriptor));
    const starts = new BigUint64Array(entries.map(({ initStartTicks }) => BigInt(initStartTicks ?? 0)));
    const roots = new Uint32Array(entries.map(({ rootDevice }) => rootDevice ?? 0));
    const count = [entries.length];
    const waiting = new Set(entries.map(({ container }) => container).filter((container) => !this.#has(container)));
    const others = entries.map(({ container }) => container).filter((container) => !waiting.has(container));
    // First, so that an image that is found is known to be this container's.
    checked('cannot publish the starts of containers', updateBatch(this.starts, keys, starts, [entries.length], null));
    checked('cannot publish the roots of containers', updateBatch(this.roots, keys, roots, [entries.length], null));
    const update = updateBatchAsync(this.descriptor, keys, values, count, null);
    const look = () => {
      try {
        for (const container of waiting) {
          if (!this.#has(container)) continue;
          waiting.delete(container);
          onVisible(container);
        }
      } catch {
        // Callers are then notified when the update has ended, as without this look.
        return;
      }
      if (waiting.size > 0) timer = setTimeout(look, LOOK_MILLISECONDS);
    };
    let timer = setTimeout(look, LOOK_MILLISECONDS);
    try {
      checked('cannot publish policy images', await update);
    } finally {
      clearTimeout(timer);
    }
    // The call does not keep its buffers alive: this use does.
    if (keys.length !== values.length * 2) throw new Error('unreachable');
    for (const container of [...waiting, ...others]) onVisible(container);
  }

  /** Whether a container has this image and this start, as it was published. */
  holds({ container, initStartTicks = 0, rootDevice = 0, image }: PublishedContainer<KernelImage>): boolean {
    const found = Buffer.alloc(MAP_ID_BYTES);
    const what = 'cannot look a container up in the kernel';
    // Read from user space, the outer map gives the id of the inner one.
    const isThere = lookupIfPresent(what, this.descriptor, containerKey(container), found);
    return (
      isThere &&
      found.readUInt32LE() === image.mapId &&
      this.startTicksOf(container) === initStartTicks &&
      this.#rootOf(container) === rootDevice
    );
  }

  #rootOf(container: NamespacePair): number {
    const device = Buffer.alloc(DEVICE_BYTES);
    lookupIfPresent('cannot read the root of a container', this.roots, containerKey(container), device);
    return device.readUInt32LE();
  }

  /** When the container started; 0 if that is not known, so that reuse of its numbers is not noticed either. */
  startTicksOf(container: NamespacePair): number {
    const start = Buffer.alloc(START_BYTES);
    const what = 'cannot read the start of a container';
    return lookupIfPresent(what, this.starts, containerKey(container), start) ? Number(start.readBigUInt64LE()) : 0;
  }

  /** Takes containers away, off the main thread; those that do not exist are not an error. */
  async remove(containers: readonly NamespacePair[]): Promise<void> {
    const keys = keysFor(containers.filter((container) => this.#has(container)));
    for (let done = 0; done < keys.length / 2; ) {
      // Fewer elements than were requested: the next one is the one that failed.
      const rest = keys.subarray(done * 2);
      const count = [rest.length / 2];
      const result = await deleteBatchAsync(this.descriptor, rest, count, null);
      if (result !== -ENOENT) checked('cannot remove containers from the kernel', result);
      done += count[0]! + (result === -ENOENT ? 1 : 0);
    }
    for (const container of containers) {
      deleteIfPresent('cannot remove the start of a container', this.starts, containerKey(container));
      deleteIfPresent('cannot remove the root of a container', this.roots, containerKey(container));
    }
  }

  /** The highest id of an image that decides for a container; 0 where there is none. */
  newestImage(): number {
    const found = Buffer.alloc(MAP_ID_BYTES);
    const mapIds = new Set<number>();
    for (const container of this.keys()) {
      const what = 'cannot look a container up in the kernel';
      if (lookupIfPresent(what, this.descriptor, containerKey(container), found)) mapIds.add(found.readUInt32LE());
    }
    return Math.max(0, ...Array.from(mapIds, idOfImage));
  }

  #has(container: NamespacePair): boolean {
    return lookupIfPresent(
      'cannot look a container up',
      this.descriptor,
      containerKey(container),
      Buffer.alloc(IMAGE_NUMBER_BYTES),
    );
  }

  /** The containers the kernel decides for now. */
  keys(): NamespacePair[] {
    return Array.from(
      keysOf('cannot list the containers in the kernel', this.descriptor, CONTAINER_KEY_BYTES),
      containerIn,
    );
  }
}

function idOfImage(map: number): number {
  const descriptor = mapById(map);
  // It was replaced meanwhile.
  if (descriptor < 0) return 0;
  try {
    const page = Buffer.alloc(PAGE_BYTES);
    lookupIfPresent('cannot read a policy image', descriptor, Uint32Array.of(0), page);
    return page.readUInt32LE(HEADER.identity * ENTRY_BYTES);
  } finally {
    closeDescriptor(descriptor);
  }
}

function keysFor(containers: readonly NamespacePair[]): Uint32Array {
  return new Uint32Array(containers.flatMap((container) => [...containerKey(container)]));
}
