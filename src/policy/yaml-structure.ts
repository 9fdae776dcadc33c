import type { Alias, Document, Node } from 'yaml';
import { isAlias, isMap, isNode, isScalar, isSeq } from 'yaml';
import type { FieldPath, Finding } from './finding.js';
import { quote } from './finding.js';

/** In one document. The time the library takes to resolve them grows with their number times the document's size. */
export const ALIASES_MAX = 100;
/** How many values all aliases of a document may stand for, which bounds what a few bytes can grow into. */
export const COPIES_MAX = 10_000;

/** Something wrong with the structure of a document. */
export interface StructureFinding extends Finding {
  /** There is no value to look at. */
  readonly isFatal: boolean;
}

/** Finds keys given twice, merge keys, and aliases that refer to nothing, to themselves, or to too much. */
export function checkStructure(document: Document.Parsed): StructureFinding[] {
  const walk = new StructureWalk();
  walk.enter(document.contents, []);
  return walk.findings;
}

const MERGE_KEY = '<<';
const MERGE_KEY_SENTENCE =
  'is a merge key, which YAML 1.2 does not have: write its fields out, or take an alias for a whole value';

class StructureWalk {
  readonly findings: StructureFinding[] = [];
  readonly #anchors = new Map<string, Node>();
  /** How many values a node with an anchor stands for; absent while it is being walked. */
  readonly #sizes = new Map<Node, number>();
  #aliases = 0;
  #copies = 0;

  /** Returns how many values the node stands for. Depth is bounded by the parser, so recursion is safe. */
  enter(node: unknown, path: FieldPath): number {
    if (!isNode(node)) return 1;
    if (isAlias(node)) return this.#followAlias(node, path);
    const anchor = 'anchor' in node ? node.anchor : undefined;
    if (anchor !== undefined) this.#anchors.set(anchor, node);
    let size = 1;
    if (isSeq(node)) for (const [index, item] of node.items.entries()) size += this.enter(item, [...path, index]);
    if (isMap(node)) {
      const keys = new Set<string>();
      for (const { key, value } of node.items) {
        const name = isScalar(key) ? String(key.value) : '';
        if (name === MERGE_KEY && !keys.has(name)) this.#reportKey([...path, name], MERGE_KEY_SENTENCE, key);
        else if (keys.has(name)) this.#reportKey([...path, name], `field ${quote(name)} is given twice`, key);
        keys.add(name);
        this.enter(key, path);
        size += this.enter(value, [...path, name]);
      }
    }
    if (anchor !== undefined) this.#sizes.set(node, size);
    return size;
  }

  #followAlias(alias: Alias, path: FieldPath): number {
    const name = quote(`*${alias.source}`);
    const target = this.#anchors.get(alias.source);
    const size = target === undefined ? undefined : this.#sizes.get(target);
    const beyondBefore = this.#aliases > ALIASES_MAX || this.#copies > COPIES_MAX;
    this.#aliases++;
    this.#copies += size ?? 0;
    if (target === undefined) this.#report(path, `alias ${name} refers to no earlier anchor`);
    else if (size === undefined) this.#report(path, `alias ${name} refers to a value that contains it`);
    else if (beyondBefore) return 1;
    else if (this.#aliases > ALIASES_MAX) this.#report(path, `more than ${ALIASES_MAX} aliases are not accepted`);
    else if (this.#copies > COPIES_MAX) {
      this.#report(path, `aliases that stand for more than ${COPIES_MAX} values in all are not accepted`);
    }
    return size ?? 1;
  }

  #report(path: FieldPath, description: string): void {
    this.findings.push({ path, description, fault: 'value', isFatal: true });
  }

  #reportKey(path: FieldPath, description: string, key: unknown): void {
    const offset = isNode(key) ? key.range?.[0] : undefined;
    this.findings.push({ path, description, fault: 'key', isFatal: false, ...(offset != null && { offset }) });
  }
}
