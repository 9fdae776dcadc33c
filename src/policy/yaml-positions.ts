import type { Alias, Document, LineCounter, Node, Pair, YAMLMap } from 'yaml';
import { isAlias, isMap, isNode, isScalar, isSeq } from 'yaml';
import type { FieldPath, Finding } from './finding.js';

/** A place in the text, counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

/** Finds the positions of fields in one document. Lookups are cached, as a bad document may have many findings. */
export class YamlPositions {
  readonly #pairs = new Map<YAMLMap, ReadonlyMap<unknown, Pair>>();
  readonly #targets = new Map<Alias, Node | null>();

  constructor(
    private readonly document: Document.Parsed,
    private readonly lines: LineCounter,
  ) {}

  /** The position of the finding's key or value or, for something missing, of the mapping it is missing from. */
  of({ path, fault, offset }: Pick<Finding, 'path' | 'fault' | 'offset'>): Position {
    return positionAt(this.lines, offset ?? this.#offsetOf(path, fault));
  }

  #offsetOf(path: FieldPath, fault: Finding['fault']): number {
    let node: Node | null = this.document.contents;
    let offset = startOf(node) ?? 0;
    for (const [index, step] of path.entries()) {
      if (isAlias(node)) node = this.#targetOf(node);
      let key: Node | undefined;
      if (isMap(node)) {
        const pair = this.#pairOf(node, step);
        if (pair === undefined) return offset;
        key = pair.key as Node;
        node = isNode(pair.value) ? pair.value : null;
      } else if (isSeq(node)) {
        const item: unknown = node.items[Number(step)];
        node = isNode(item) ? item : null;
      } else {
        return offset;
      }
      // The empty value of `key:` has no place of its own, so it stands where its key does.
      const wanted = isEmpty(node) || (fault === 'key' && index === path.length - 1) ? (key ?? node) : node;
      offset = startOf(wanted) ?? offset;
    }
    return offset;
  }

  #pairOf(map: YAMLMap, key: string | number): Pair | undefined {
    let pairs = this.#pairs.get(map);
    if (pairs === undefined) {
      // If a key is given twice the last one counts, as in the document's value.
      pairs = new Map(map.items.map((pair) => [isScalar(pair.key) ? pair.key.value : undefined, pair]));
      this.#pairs.set(map, pairs);
    }
    return pairs.get(key);
  }

  #targetOf(alias: Alias): Node | null {
    let target = this.#targets.get(alias);
    if (target === undefined) {
      target = alias.resolve(this.document) ?? null;
      this.#targets.set(alias, target);
    }
    return target;
  }
}

function startOf(node: Node | null | undefined): number | undefined {
  return node?.range?.[0];
}

function isEmpty(node: Node | null): boolean {
  return !node?.range || node.range[0] === node.range[1];
}
