import { namespaceKey } from '../containers/container.js';
import type { RuleDescription } from '../events/rule-description.js';
import type { Holding } from '../kernel/holdings.js';

/** How many holders are named per container. */
const NAMED_MAX = 20;
/** More of a container are counted no further. */
const COUNTED_MAX = 16_384;

/** A process that holds what its container's rules refuse, with the rule. */
export interface Holder {
  readonly kind: 'descriptor' | 'mapping';
  /** As the host numbers it. */
  readonly pid: number;
  readonly program: string;
  readonly path: string;
  /** Undefined where it is refused because its path cannot be found. */
  readonly by: RuleDescription | undefined;
}

/** Equal for what one pass finds and another pass has found. */
export function idOf({ container, kind, file, hostPid, path }: Holding): string {
  const key = namespaceKey(container);
  return kind === 'descriptor' ? `${key}:${file}` : `${key}:${hostPid}:${path}`;
}

class Some {
  readonly #ids = new Set<string>();
  readonly named: Holder[] = [];

  get count(): number {
    return this.#ids.size;
  }

  add(id: string, holder: Holder): boolean {
    if (this.#ids.has(id) || this.#ids.size >= COUNTED_MAX) return false;
    this.#ids.add(id);
    if (this.named.length < NAMED_MAX) this.named.push(holder);
    return true;
  }
}

/** What the processes of a container hold. */
export class Findings {
  readonly descriptors = new Some();
  readonly mappings = new Some();
  /** Open files. */
  readonly files = new Set<bigint>();
  /** What is registered with an io_uring ring cannot be seen. */
  hasRing = false;
  /** Every pass has found more. */
  isEndless = false;

  /** @returns whether it is new */
  add(holding: Holding & { readonly by: RuleDescription | undefined }): boolean {
    const { kind, hostPid: pid, program, path, by, file } = holding;
    if (kind === 'ring') {
      const isNew = !this.hasRing;
      this.hasRing = true;
      return isNew;
    }
    const holder = { kind, pid, program, path, by };
    if (kind === 'mapping') return this.mappings.add(`${pid}:${path}`, holder);
    const isNew = !this.files.has(file) && this.files.size < COUNTED_MAX;
    if (isNew) this.files.add(file);
    // Several processes may hold one open file.
    return this.descriptors.add(`${pid}:${file}`, holder) || isNew;
  }
}
