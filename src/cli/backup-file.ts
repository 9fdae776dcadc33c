import { LineCounter, parseDocument, stringify } from 'yaml';
import { type BackupResponse, type HauberkError, PolicyOrigin, type RestoreRequest } from '../client/messages.js';
import { isObject } from '../json-shape.js';
import { CLIENT_ORIGINS, POSTURE_CLASSES, type Posture, type PostureClass } from '../policy/model.js';
import { CLASS_NAMES, CLASSES, POLICY_ORIGINS, POSTURE_NAMES, POSTURES } from '../rpc/names.js';
import { CommandFailure, EXIT } from './exit-status.js';

const API_VERSION = 'hauberk/v1';
const KIND = 'Postures';
/** The policies after such a document have the origin that it names; older files have no such documents. */
const POLICIES_KIND = 'Policies';
/**
 * The visibility settings of clients; older files do not contain any, and restoring these leaves the settings as they
 * are.
 */
const VISIBILITY_KIND = 'Visibility';
/** At the beginning of a line it always begins a document. */
const DOCUMENT_START = /^---[ \t]*(?:#.*)?$/mu;

/**
 * A backup as text: the postures of namespaces and what is visible in documents of their own, then the policies' manifests,
 * and before those of an origin a document that names it.
 */
export function toBackupFile(
  { manifests, origins, postures, visibility, revision }: BackupResponse,
  now: Date,
): string {
  const namespaces = postures.map(({ namespace, postures: each }): [string, object] => [
    namespace,
    Object.fromEntries(each.map((posture) => [CLASS_NAMES.get(posture.class), POSTURE_NAMES.get(posture.action)])),
  ]);
  const head = [
    `# What is wanted of a host, as hauberkd had it at revision ${revision}, ${now.toISOString()}.`,
    '# To bring it back: hauberk restore FILE',
    '',
  ].join('\n');
  const first = { apiVersion: API_VERSION, kind: KIND, namespaces: Object.fromEntries(namespaces) };
  const parts = CLIENT_ORIGINS.flatMap((origin) => {
    const own = manifests.filter((_, index) => (origins[index] ?? PolicyOrigin.RPC) === POLICY_ORIGINS[origin]);
    return own.length === 0 ? [] : [stringify({ apiVersion: API_VERSION, kind: POLICIES_KIND, origin }), ...own];
  });
  return [head + stringify(first), ...visibilityPart(visibility), ...parts].join('---\n');
}

/** None if the daemon does not report it. */
function visibilityPart(visibility: BackupResponse['visibility']): string[] {
  if (visibility === undefined) return [];
  const settings = visibility.settings.map(({ namespace, matchLabels, classes }) => ({
    namespace,
    ...(Object.keys(matchLabels).length > 0 && { matchLabels }),
    classes: classes.map((each) => CLASS_NAMES.get(each)!),
  }));
  return [stringify({ apiVersion: API_VERSION, kind: VISIBILITY_KIND, settings })];
}

/** Documents of other API versions are policies. */
const OWN_DOCUMENT = new RegExp(`^apiVersion:[ \\t]*["']?${API_VERSION}["']?[ \\t]*(?:#.*)?$`, 'mu');

/** A part of the file, with the line before its first. */
interface Part {
  readonly text: string;
  readonly lines: number;
}

/** Such a text, read back. */
export class BackupFile {
  readonly request: Pick<RestoreRequest, 'manifests' | 'postures' | 'origins'> &
    Pick<Partial<RestoreRequest>, 'visibility'>;
  readonly #manifests: readonly Part[];

  /** @param name of the file, for what is wrong with it @throws CommandFailure naming line and column */
  constructor(
    readonly name: string,
    text: string,
  ) {
    const [first, ...rest] = documentsOf(text);
    if (first === undefined) throw new CommandFailure(EXIT.refused, `${name}: is not a backup: it is empty`);
    const postures = this.#readPostures(first);
    const manifests: Part[] = [];
    const origins: PolicyOrigin[] = [];
    let origin = PolicyOrigin.RPC;
    let visibility: RestoreRequest['visibility'];
    for (const part of rest) {
      if (OWN_DOCUMENT.test(part.text)) {
        const read = this.#readOwn(part);
        if (typeof read === 'number') origin = read;
        else visibility = read;
        continue;
      }
      manifests.push(part);
      origins.push(origin);
    }
    this.#manifests = manifests;
    const texts = manifests.map((part) => part.text);
    this.request = { postures, manifests: texts, origins, ...(visibility !== undefined && { visibility }) };
  }

  /** The daemon's problems, a line each, with the place in the file. */
  explain(error: HauberkError): string[] {
    return error.violations.map(({ field, description }) => {
      const [, index = '', path = ''] = /^manifests\[(\d+)\]\.?(.*)$/su.exec(field) ?? [];
      const [, line, column, text] = /^line (\d+), column (\d+): (.*)$/su.exec(description) ?? [];
      const part = this.#manifests[Number(index || -1)];
      if (part === undefined) return `${this.name}: ${field}: ${description}`;
      if (line === undefined) return `${this.name}:${part.lines + 1}: ${description}`;
      return `${this.name}:${part.lines + Number(line)}:${column}: ${path}: ${text}`;
    });
  }

  /** Reads one of our own documents: the origin of the policies after it, or visibility settings. */
  #readOwn(part: Part): PolicyOrigin | NonNullable<RestoreRequest['visibility']> {
    const { document, start, value, at } = this.#readDocument(part);
    const { kind, origin, settings } = isObject(value) ? value : {};
    if (kind === VISIBILITY_KIND) {
      if (!Array.isArray(settings)) throw at(start, 'settings: must be a list');
      return {
        settings: settings.map((setting: unknown, index) => {
          const place = (document.getIn(['settings', index], true) as { range?: [number] } | undefined)?.range?.[0];
          if (isSetting(setting)) return toSettingMessage(setting);
          const must = 'must give a namespace, classes and, if some containers are meant, matchLabels';
          throw at(place ?? start, `settings[${index}]: ${must}`);
        }),
      };
    }
    const found = CLIENT_ORIGINS.find((each) => each === origin);
    if (kind === POLICIES_KIND && found !== undefined) return POLICY_ORIGINS[found];
    const must = `must be of kind ${POLICIES_KIND} and have the origin ${CLIENT_ORIGINS.join(' or ')}`;
    throw at(start, `${must}, or of kind ${VISIBILITY_KIND}`);
  }

  #readDocument({ text, lines }: Part) {
    const counter = new LineCounter();
    const document = parseDocument(text, { lineCounter: counter });
    const at = (offset: number, what: string) => {
      const { line, col } = counter.linePos(offset);
      return new CommandFailure(EXIT.refused, `${this.name}:${lines + line}:${col}: ${what}`);
    };
    const [error] = document.errors;
    if (error !== undefined) throw at(error.pos[0], error.message.split('\n')[0]!);
    return { document, start: document.contents?.range?.[0] ?? 0, value: document.toJS() as unknown, at };
  }

  #readPostures(part: Part): RestoreRequest['postures'] {
    const { document, start, value, at } = this.#readDocument(part);
    if (!isObject(value) || value.apiVersion !== API_VERSION || value.kind !== KIND)
      throw at(start, `is not a backup: its first document must be of apiVersion ${API_VERSION} and kind ${KIND}`);
    const namespaces = value.namespaces ?? {};
    if (!isObject(namespaces)) throw at(start, 'namespaces: must be a mapping of names to postures');
    return Object.entries(namespaces).map(([namespace, postures]) => {
      const place = (document.getIn(['namespaces', namespace], true) as { range?: [number] } | undefined)?.range?.[0];
      if (!isObject(postures) || !Object.entries(postures).every(isPosture)) {
        const choice = POSTURE_CLASSES.join(', ');
        throw at(place ?? start, `namespaces.${namespace}: must give classes (${choice}) the posture audit or block`);
      }
      const entries = Object.entries(postures) as [PostureClass, Posture][];
      return {
        namespace,
        postures: entries.map(([name, posture]) => ({ class: CLASSES[name], action: POSTURES[posture] })),
      };
    });
  }
}

/** Empty documents are left out. */
function documentsOf(text: string): Part[] {
  const parts: Part[] = [];
  let lines = 0;
  for (const part of text.split(DOCUMENT_START)) {
    // Comments alone hold nothing, but before the first document.
    if (/^\s*[^\s#]/mu.test(part)) parts.push({ text: part, lines });
    lines += part.split('\n').length - 1;
  }
  return parts;
}

function isPosture([name, posture]: [string, unknown]): boolean {
  return (POSTURE_CLASSES as readonly string[]).includes(name) && Object.hasOwn(POSTURES, String(posture));
}

interface WrittenSetting {
  readonly namespace: string;
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly classes: readonly PostureClass[];
}

function isSetting(value: unknown): value is WrittenSetting {
  if (!isObject(value)) return false;
  const { namespace, matchLabels = {}, classes, ...more } = value;
  const areClasses =
    Array.isArray(classes) && classes.every((each) => (POSTURE_CLASSES as readonly unknown[]).includes(each));
  const areLabels = isObject(matchLabels) && Object.values(matchLabels).every((each) => typeof each === 'string');
  return typeof namespace === 'string' && areLabels && areClasses && Object.keys(more).length === 0;
}

function toSettingMessage({ namespace, matchLabels = {}, classes }: WrittenSetting) {
  return { namespace, matchLabels, classes: classes.map((each) => CLASSES[each]), origin: PolicyOrigin.RPC };
}
