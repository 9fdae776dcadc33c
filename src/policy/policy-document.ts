import type {
  Action,
  FileOperation,
  LabelExpression,
  MountOperation,
  Preset,
  RuleClass,
  TraceOperation,
} from './model.js';
import type { Direction, EndpointProtocol } from './network.js';

/** An optional field: absent, undefined and null mean the same. */
export type Optional<T> = T | null | undefined;

/**
 * A policy as its author writes it: the shape of a manifest's JSON, before defaults and inheritance. A typed caller
 * fills this in and hands it to `readPolicy`; in `tags` and `message` an empty value counts as absent.
 */
export interface PolicyDocument {
  readonly apiVersion?: Optional<string>;
  readonly kind?: Optional<string>;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: Optional<string>;
  };
  readonly spec: PolicySpecification;
}

export interface PolicySpecification extends Traits, Sections {
  /** Of policies for containers. */
  readonly selector?: Optional<SelectorDocument>;
  /** Of policies for the host. */
  readonly nodeSelector?: Optional<SelectorDocument>;
  readonly priority?: Optional<number>;
  readonly mode?: Optional<'enforce' | 'audit'>;
  readonly guards?: Optional<'on' | 'off'>;
  readonly heldDescriptors?: Optional<'refuse' | 'leave'>;
  /** Each names one place. */
  readonly loaderLibraries?: Optional<readonly PlaceItem[]>;
  /** A time as RFC 3339 writes it. */
  readonly expires?: Optional<string>;
}

/** A class of rules without its section does not compile. */
type Sections = { readonly [Class in RuleClass]?: Optional<SectionDocuments[Class]> };

interface SectionDocuments {
  readonly process: Section;
  readonly file: Section;
  readonly network: NetworkSection;
  readonly capabilities: ListSection<'matchCapabilities', { readonly capability: string }>;
  readonly filesystems: ListSection<'matchTypes', { readonly type: string }>;
  readonly mounts: ListSection<'matchMounts', MountItem>;
  readonly ptrace: ListSection<'matchProcesses', TraceItem>;
  readonly namespaces: ListSection<'matchNamespaces', { readonly namespace: 'user' }>;
  readonly presets: readonly PresetItem[];
  readonly syscalls: CallsSection;
}

export interface SelectorDocument {
  readonly matchLabels?: Optional<Readonly<Record<string, string>>>;
  readonly matchExpressions?: Optional<readonly LabelExpression[]>;
}

export type ListSection<List extends string, Entry> = Traits & {
  readonly [Name in List]?: Optional<readonly (SourcedItem & Entry)[]>;
};

/** At most one of these places. */
export interface PlaceItem {
  readonly path?: Optional<string>;
  readonly dir?: Optional<string>;
  readonly recursive?: Optional<boolean>;
  readonly pattern?: Optional<string>;
}

export interface MountItem extends PlaceItem {
  readonly type?: Optional<string>;
  readonly operation?: Optional<MountOperation>;
}

export interface TraceItem extends PlaceItem {
  readonly operation?: Optional<TraceOperation>;
}

export interface PresetItem extends Traits {
  readonly name: Preset;
  /** Of `drift` only; each names one place. */
  readonly except?: Optional<readonly PlaceItem[]>;
}

/** Calls are only ever audited: `action` can be nothing else, and that of the specification does not count. */
export interface CallsSection extends Traits {
  readonly matchSyscalls?: Optional<readonly CallItem[]>;
  readonly matchPaths?: Optional<readonly CallOnPathItem[]>;
}

export interface CallItem extends SourcedItem {
  readonly syscall: readonly string[];
}

export interface CallOnPathItem extends CallItem {
  /** One file or, with a slash at its end, a directory. */
  readonly path: string;
  readonly recursive?: Optional<boolean>;
}

/** What an item may set itself or inherit from its section, and the section from the specification. */
export interface Traits {
  readonly severity?: Optional<number>;
  readonly tags?: Optional<readonly string[]>;
  readonly message?: Optional<string>;
  readonly action?: Optional<Action>;
}

export interface Section extends Traits {
  readonly matchPaths?: Optional<readonly PathItem[]>;
  readonly matchDirectories?: Optional<readonly DirectoryItem[]>;
  readonly matchPatterns?: Optional<readonly PatternItem[]>;
}

export interface Item extends Traits {
  readonly ownerOnly?: Optional<boolean>;
  /** In the `file` section only, as the next. */
  readonly readOnly?: Optional<boolean>;
  readonly operations?: Optional<readonly FileOperation[]>;
  /** False: the rule holds for processes with a terminal only. */
  readonly pts?: Optional<boolean>;
}

/** In the `process` section a program may be named instead of its path. */
export interface PathItem extends Item {
  readonly path?: Optional<string>;
  readonly execname?: Optional<string>;
  readonly allowedArgs?: Optional<readonly string[]>;
  readonly fromSource?: Optional<readonly Source[]>;
}

export interface DirectoryItem extends Item {
  readonly dir: string;
  readonly recursive?: Optional<boolean>;
  readonly fromSource?: Optional<readonly Source[]>;
}

export interface PatternItem extends Item {
  readonly pattern: string;
}

export interface NetworkSection extends Traits {
  readonly matchProtocols?: Optional<readonly (SourcedItem & { readonly protocol: string })[]>;
  readonly matchFamilies?: Optional<readonly (SourcedItem & { readonly family: string })[]>;
  readonly matchEndpoints?: Optional<readonly EndpointItem[]>;
  readonly matchDNSQueries?: Optional<readonly (SourcedItem & { readonly domain: string })[]>;
}

export interface SourcedItem extends Traits {
  readonly fromSource?: Optional<readonly Source[]>;
}

export interface EndpointItem extends SourcedItem {
  readonly protocol?: Optional<EndpointProtocol>;
  /** An address or a block of them. */
  readonly cidr?: Optional<string>;
  /** A port or a range of them; YAML reads a single one as a number. */
  readonly ports?: Optional<string | number>;
  readonly direction?: Optional<Direction>;
}

/** A program, or the programs of a directory. */
export interface Source {
  readonly path?: Optional<string>;
  readonly dir?: Optional<string>;
  readonly recursive?: Optional<boolean>;
}
