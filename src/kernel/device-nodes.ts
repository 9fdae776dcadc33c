import { type NamespacePair, namespaceKey } from '../containers/container.js';
import type { DeviceNode } from '../containers/device-nodes.js';
import { checked } from '../native/kernel-error.js';
import { BPF_ANY, updateElement } from '../native/libbpf.js';
import { containerIn, deleteIfPresent, keysOf, putContainer } from './map-elements.js';

/** struct node_key and struct node_path of bpf/include/nodes.h (a test compares them). */
export const NODE_KEY = { container: 0, device: 8, type: 12, number: 14, inode: 16 } as const;
export const NODE_KEY_BYTES = 24;
export const NODE_PATH = { bytes: 0, path: 4 } as const;
export const NODE_PATH_BYTES = 260;

const TYPES = { character: 0o020000, block: 0o060000, file: 0o100000 } as const;
const MINOR_BITS = 20;
/** NODE_NAMES_MAX of bpf/include/nodes.h. */
const NAMES_MAX = 4;

/**
 * The device nodes and files with several links that rules name, in a pinned map, by which the kernel recognises their
 * numbers.
 */
export class DeviceNodes {
  /** By namespaces: the keys that the map has. */
  readonly #keys = new Map<string, readonly Buffer[]>();

  constructor(readonly map: number) {
    for (const key of keysOf('cannot list device nodes', map, NODE_KEY_BYTES)) {
      const container = namespaceKey(containerIn(key));
      this.#keys.set(container, [...(this.#keys.get(container) ?? []), key]);
    }
  }

  /**
   * Adds to what the map has for a container. Paths of 256 bytes and more, and more than four paths for one number, are
   * left out.
   *
   * @returns removes the entries that are no longer needed; to be called once the container has its new rules
   */
  add(container: NamespacePair, nodes: readonly DeviceNode[]): () => void {
    const key = namespaceKey(container);
    const before = this.#keys.get(key) ?? [];
    const numbers = new Map<string, number>();
    const keys: Buffer[] = [];
    for (const { path, type, major, minor, inode = 0n } of nodes) {
      const bytes = Buffer.from(path);
      const device = ((major << MINOR_BITS) | minor) >>> 0;
      const place = `${type} ${device} ${inode}`;
      const number = numbers.get(place) ?? 0;
      if (bytes.length >= NODE_PATH_BYTES - NODE_PATH.path || number === NAMES_MAX) continue;
      numbers.set(place, number + 1);
      const value = Buffer.alloc(NODE_PATH_BYTES);
      value.writeUInt32LE(bytes.length, NODE_PATH.bytes);
      bytes.copy(value, NODE_PATH.path);
      const nodeKey = keyOf(container, device, TYPES[type], number, inode);
      checked('cannot name a device node', updateElement(this.map, nodeKey, value, BPF_ANY));
      keys.push(nodeKey);
    }
    if (keys.length > 0 || before.length > 0) this.#keys.set(key, [...before, ...keys]);
    return () => {
      for (const old of before) {
        if (!keys.some((each) => each.equals(old))) deleteIfPresent('cannot forget a device node', this.map, old);
      }
      if (keys.length > 0) this.#keys.set(key, keys);
      else this.#keys.delete(key);
    };
  }

  forget(container: NamespacePair): void {
    this.add(container, [])();
  }
}

function keyOf(container: NamespacePair, device: number, type: number, number: number, inode: bigint): Buffer {
  const key = Buffer.alloc(NODE_KEY_BYTES);
  putContainer(key, container);
  key.writeUInt32LE(device, NODE_KEY.device);
  key.writeUInt16LE(type, NODE_KEY.type);
  key.writeUInt16LE(number, NODE_KEY.number);
  key.writeBigUInt64LE(inode, NODE_KEY.inode);
  return key;
}
