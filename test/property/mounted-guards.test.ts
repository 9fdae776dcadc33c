import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Access } from '../../src/explain/access.js';
import { explain } from '../../src/explain/evaluate.js';
import { compileImage } from '../../src/image/compile.js';
import { guard } from '../../src/image/walk.js';
import type { BoundRule, PathMatch, Postures } from '../../src/policy/model.js';
import { resolveRules } from '../../src/policy/rule-set.js';
import { directory, exact, pattern, rule } from '../unit/image/rule-sets.js';
import { decisionRuns } from './runs.js';

const CHANGES = 8;
const DIRECTORIES = ['/', '/a/', '/a/a/', '/a/b/', '/b/', '/b/a/', '/c/', '/é/', '/a/b/a/'];
const FILES = DIRECTORIES.flatMap((directory) => ['x', 'y.pem'].map((name) => directory + name));
const STRENGTH = ['Allow', 'Audit', 'Block'] as const;
type Action = (typeof STRENGTH)[number];

const ACCESSES = (['read', 'write', 'delete'] as const).map(
  (operation): Omit<Access, 'object'> => ({
    operation,
    program: Buffer.from('/p'),
    ownership: 'owner',
    terminal: false,
    arguments: [],
  }),
);

const match: fc.Arbitrary<PathMatch> = fc.oneof(
  fc.constantFrom(...FILES).map(exact),
  fc.tuple(fc.constantFrom(...DIRECTORIES), fc.boolean()).map(([path, isRecursive]) => directory(path, isRecursive)),
  fc.constantFrom('/**/*.pem', '/a/*/x', '/*/b/**').map(pattern),
);
const decisions = fc.record({
  rules: fc.array(
    fc
      .tuple(match, fc.constantFrom(...STRENGTH), fc.constantFrom(undefined, ['read'] as const, ['write'] as const))
      .map(([match, action, operations]) => rule(match, { action, ...(operations && { operations }) })),
    { minLength: 1, maxLength: 3 },
  ),
  posture: fc.constantFrom('audit' as const, 'block' as const),
});

interface Decisions {
  readonly bound: readonly BoundRule[];
  readonly postures: Postures;
}

/** A directory that rules name only as one among all; bpf/include/guard.h compares mount points with it. */
const NOWHERE = '/\u0001/';

/** Part of the one filesystem, below a directory of another mount. Directories end in a slash. */
interface Mount {
  parent?: Mount;
  point: string;
  root: string;
}

/** Files and mounts of a container, and whatever its rules let through of what would change names. */
class Tree {
  directories = [...DIRECTORIES];
  /** The name that each file had at first, and a place that it has in the filesystem; linked ones have several. */
  readonly files = FILES.map((path) => ({ first: path, place: path }));
  readonly mounts: Mount[] = [{ point: '/', root: '/' }];
  /** The strictest of the answers to what was let through. */
  reported: Action = 'Allow';

  constructor(readonly words: Uint32Array) {}

  get isMountedTwice(): boolean {
    return this.mounts.length > 1;
  }

  /** The name that a mount gives a place of the filesystem; undefined where it does not show it. */
  name(mount: Mount, place: string): string | undefined {
    if (!place.startsWith(mount.root)) return undefined;
    const above = mount.parent === undefined ? '/' : this.name(mount.parent, mount.point);
    return above === undefined ? undefined : above + place.slice(mount.root.length);
  }

  names(place: string): string[] {
    return this.mounts.flatMap((mount) => this.name(mount, place) ?? []);
  }

  rename(from: string, to: string, by: Mount): void {
    const parent = to.replace(/[^/]+\/$/u, '');
    if (from === '/' || to.startsWith(from) || this.directories.includes(to) || !this.directories.includes(parent))
      return;
    const [before, after] = [from, to].map((place) => this.name(by, place));
    // What is a mount point, or the root of a mount that shows it, is busy.
    if (before === undefined || after === undefined || this.mounts.some(({ point }) => point === from)) return;
    const others = this.mounts.filter((mount) => mount !== by);
    const answers = others.map((mount) => this.#compared(this.name(mount, from), this.name(mount, to)));
    if (!this.#isLetThrough(this.#compared(before, after), ...answers)) return;
    const moved = (place: string) => (place.startsWith(from) ? to + place.slice(from.length) : place);
    this.directories = this.directories.map(moved);
    for (const file of this.files) file.place = moved(file.place);
    for (const mount of this.mounts) Object.assign(mount, { point: moved(mount.point), root: moved(mount.root) });
  }

  link(from: string, to: string, by: Mount): void {
    const file = this.files.find(({ place }) => place === from);
    const parent = to.replace(/[^/]+$/u, '');
    if (file === undefined || !this.directories.includes(parent) || this.files.some(({ place }) => place === to))
      return;
    if (this.name(by, from) === undefined || this.name(by, to) === undefined) return;
    const guarded = (mount: Mount, place: string) => this.name(mount, `${place}/`);
    const answers = this.mounts.map((mount) => this.#compared(guarded(mount, from), guarded(mount, to)));
    if (this.#isLetThrough(...answers)) this.files.push({ first: file.first, place: to });
  }

  bind(root: string, point: string, parent: Mount): void {
    const name = this.name(parent, point);
    if (name === undefined || !this.#isLetThrough(this.#compared(name, NOWHERE))) return;
    this.mounts.push({ parent, point, root });
  }

  move(mount: Mount, point: string, parent: Mount): void {
    const name = this.name(parent, point);
    for (let above: Mount | undefined = parent; above !== undefined; above = above.parent) if (above === mount) return;
    if (mount.parent === undefined || name === undefined) return;
    if (!this.#isLetThrough(this.#compared(name, NOWHERE), this.#compared('/', NOWHERE))) return;
    Object.assign(mount, { parent, point });
  }

  /** A name that is not there is decided as one that no rule names. */
  #compared(before = NOWHERE, after = NOWHERE): Action {
    return guard(this.words, Buffer.from(before), Buffer.from(after)).action as Action;
  }

  #isLetThrough(...answers: Action[]): boolean {
    const strongest = strongestOf(answers);
    if (strongest !== 'Block') this.reported = strongestOf([strongest, this.reported]);
    return strongest !== 'Block';
  }
}

const strongestOf = (actions: readonly Action[]): Action =>
  STRENGTH[Math.max(0, ...actions.map((action) => STRENGTH.indexOf(action)))]!;

interface Change {
  readonly kind: 'rename' | 'link' | 'bind' | 'move';
  readonly from: string;
  readonly to: string;
  /** Of the mounts that there are then, modulo their number. */
  readonly by: number;
  readonly moved: number;
  /** Below `from` and `to`, what is linked and its new name. */
  readonly linked: string;
  readonly link: string;
}

const change: fc.Arbitrary<Change> = fc.record({
  // Few moves are possible, since they need a mount that was made before, and most are refused.
  kind: fc.constantFrom('rename', 'link', 'link', 'bind', 'bind', 'move', 'move'),
  from: fc.constantFrom(...DIRECTORIES),
  to: fc.constantFrom(...DIRECTORIES, '/d/', '/a/c/', '/c/b/', '/b/b/'),
  by: fc.nat(7),
  moved: fc.nat(7),
  linked: fc.constantFrom('x', 'y.pem'),
  link: fc.constantFrom('z', 'z.pem'),
});

function make(tree: Tree, { kind, from, to, by, moved, linked, link }: Change): void {
  const { mounts, directories } = tree;
  const mount = mounts[by % mounts.length]!;
  if (!directories.includes(from) || (kind !== 'rename' && !directories.includes(to))) return;
  if (kind === 'rename') tree.rename(from, to, mount);
  else if (kind === 'link') tree.link(from + linked, to + link, mount);
  else if (kind === 'bind') tree.bind(from, to, mount);
  else tree.move(mounts.at(-1 - (moved % mounts.length))!, to, mount);
}

test('whatever renames, links, binds and moves are let through, no file is decided less strictly than before', () => {
  const seen = { renamed: 0, linked: 0, linkedBelowTwo: 0, bound: 0, moved: 0 };
  const changes = fc.array(change, { minLength: 3, maxLength: CHANGES });
  fc.assert(
    fc.property(decisions, changes, ({ rules, posture }, wanted) => {
      const policy = { name: 'random', namespace: 'default', matchLabels: {}, rules };
      const bound = rules.map((each) => ({ policy, rule: each }));
      const postures: Postures = { process: 'audit', file: posture, network: 'audit', capabilities: 'audit' };
      const tree = new Tree(compileImage(resolveRules(bound, postures)).words);
      for (const each of wanted) {
        const before = JSON.stringify(tree.files);
        const places = tree.mounts.map(({ point }) => point).join();
        make(tree, each);
        if (each.kind === 'rename' && before !== JSON.stringify(tree.files)) seen.renamed++;
        if (each.kind === 'link' && before !== JSON.stringify(tree.files))
          seen[tree.isMountedTwice ? 'linkedBelowTwo' : 'linked']++;
        if (each.kind === 'bind' && places !== tree.mounts.map(({ point }) => point).join()) seen.bound++;
        if (each.kind === 'move' && places !== tree.mounts.map(({ point }) => point).join()) seen.moved++;
        check(tree, { bound, postures });
      }
    }),
    decisionRuns(20),
  );
  for (const [kind, times] of Object.entries(seen)) assert.ok(times > 0, `${kind}: ${times} times`);
});

function check(tree: Tree, { bound, postures }: Decisions): void {
  const decided = (access: Omit<Access, 'object'>, path: string): Action =>
    explain(bound, postures, { ...access, object: { kind: 'path', path: Buffer.from(path) } } as Access)
      .action as Action;
  for (const access of ACCESSES) {
    for (const { first, place } of tree.files) {
      const names = tree.names(place);
      if (names.length === 0 || names.join() === first) continue;
      const [before, now] = [decided(access, first), strongestOf(names.map((name) => decided(access, name)))];
      const text = `${access.operation} of ${first}, now ${names.join(' and ')}: ${before}, then ${now}`;
      // A change that was only reported may change what is only reported.
      const [old, fresh] = [before, now].map((action) =>
        tree.reported === 'Allow' || action === 'Block' ? STRENGTH.indexOf(action) : 0,
      );
      if (tree.isMountedTwice) assert.ok(fresh! >= old!, text);
      else assert.equal(fresh, old, text);
    }
  }
}
