import type { Capability } from './capability.js';
import { canonicalDomain } from './domain.js';
import {
  type Action,
  type CallTarget,
  type EndpointMatch,
  FILE_OPERATIONS,
  type FileOperation,
  type Match,
  type PathMatch,
  type PresetMatch,
  type Rule,
  type RuleClass,
} from './model.js';
import type { AddressFamily, Protocol } from './network.js';
import type {
  CallOnPathItem,
  CallsSection,
  CapabilitiesSection,
  EndpointItem,
  NetworkSection,
  Optional,
  PlaceItem,
  PolicySpecification,
  PresetItem,
  Section,
  Source,
  Traits,
} from './policy-document.js';

export const DEFAULT_ACTION: Action = 'Block';
export const DEFAULT_SEVERITY = 1;

/** The rules of a valid specification, in the order of its sections and lists. */
export function toRules(spec: PolicySpecification): Rule[] {
  return [
    ...pathRules('process', spec.process ?? {}, spec),
    ...pathRules('file', spec.file ?? {}, spec),
    ...networkRules(spec.network ?? {}, spec),
    ...capabilityRules(spec.capabilities ?? {}, spec),
    ...kernelRules(spec),
    ...callRules(spec.syscalls ?? {}, spec),
  ];
}

function pathRules(ruleClass: RuleClass, section: Section, spec: PolicySpecification): Rule[] {
  const make = ruleMaker(ruleClass, section, spec);
  return [
    ...make('matchPaths', section.matchPaths, ({ path, execname }) =>
      path != null ? { kind: 'exact', path } : { kind: 'name', name: execname! },
    ),
    ...make('matchDirectories', section.matchDirectories, toDirectory),
    ...make('matchPatterns', section.matchPatterns, ({ pattern }) => ({ kind: 'pattern', pattern })),
  ];
}

function toDirectory({ dir, recursive }: { dir: string; recursive?: Optional<boolean> }): CallTarget {
  return { kind: 'directory', directory: dir, recursive: recursive ?? false };
}

function networkRules(section: NetworkSection, spec: PolicySpecification): Rule[] {
  const make = ruleMaker('network', section, spec);
  return [
    ...make('matchProtocols', section.matchProtocols, ({ protocol }) => ({
      kind: 'protocol',
      protocol: protocol.toLowerCase() as Protocol,
    })),
    ...make('matchFamilies', section.matchFamilies, ({ family }) => ({
      kind: 'family',
      family: family.toLowerCase() as AddressFamily,
    })),
    ...make('matchEndpoints', section.matchEndpoints, toEndpoint),
    ...make('matchDNSQueries', section.matchDNSQueries, ({ domain }) => ({
      kind: 'domain',
      domain: canonicalDomain(domain),
    })),
  ];
}

function toEndpoint({ protocol, cidr, ports, direction }: EndpointItem): EndpointMatch {
  return {
    kind: 'endpoint',
    ...(protocol != null && { protocol }),
    ...(cidr != null && { cidr }),
    ...(ports != null && { ports: String(ports) }),
    ...(direction != null && { direction }),
  };
}

function capabilityRules(section: CapabilitiesSection, spec: PolicySpecification): Rule[] {
  return ruleMaker('capabilities', section, spec)('matchCapabilities', section.matchCapabilities, ({ capability }) => ({
    kind: 'capability',
    capability: capability.toLowerCase().replace(/^cap_/u, '') as Capability,
  }));
}

function kernelRules(spec: PolicySpecification): Rule[] {
  const { filesystems, mounts, ptrace, namespaces } = spec;
  return [
    ...ruleMaker('filesystems', filesystems ?? {}, spec)('matchTypes', filesystems?.matchTypes, ({ type }) => ({
      kind: 'filesystem',
      type,
    })),
    ...ruleMaker('mounts', mounts ?? {}, spec)('matchMounts', mounts?.matchMounts, (item) => ({
      kind: 'mount',
      ...toTarget(item),
      ...(item.type != null && { type: item.type }),
      ...(item.operation != null && { operation: item.operation }),
    })),
    ...ruleMaker('ptrace', ptrace ?? {}, spec)('matchProcesses', ptrace?.matchProcesses, (item) => ({
      kind: 'trace',
      ...toTarget(item),
      ...(item.operation != null && { operation: item.operation }),
    })),
    ...ruleMaker('namespaces', namespaces ?? {}, spec)(
      'matchNamespaces',
      namespaces?.matchNamespaces,
      ({ namespace }) => ({ kind: 'namespace', namespace }),
    ),
    ...ruleMaker('presets', {}, spec)('', spec.presets, toPreset),
  ];
}

function toPreset({ name, except }: PresetItem): PresetMatch {
  return {
    kind: 'preset',
    preset: name,
    ...(except?.length && { except: except.map((place) => toTarget(place).target!) }),
  };
}

/** Nothing but Audit is inherited, for nothing but Audit is possible. */
function callRules(section: CallsSection, spec: PolicySpecification): Rule[] {
  const make = ruleMaker('syscalls', section, { ...spec, action: 'Audit' });
  return [
    ...make('matchSyscalls', section.matchSyscalls, ({ syscall }) => ({ kind: 'call', calls: toCalls(syscall) })),
    ...make('matchPaths', section.matchPaths, (item) => ({
      kind: 'call',
      calls: toCalls(item.syscall),
      target: toCallTarget(item),
    })),
  ];
}

function toCalls(names: readonly string[]): string[] {
  return [...new Set(names.map((name) => name.toLowerCase()))];
}

function toCallTarget({ path, recursive }: CallOnPathItem): CallTarget {
  return path.endsWith('/') ? toDirectory({ dir: path, recursive }) : { kind: 'exact', path };
}

function toTarget({ path, dir, recursive, pattern }: PlaceItem): { target?: PathMatch } {
  if (path != null) return { target: { kind: 'exact', path } };
  if (dir != null) return { target: toDirectory({ dir, recursive }) };
  return pattern == null ? {} : { target: { kind: 'pattern', pattern } };
}

function ruleMaker(ruleClass: RuleClass, section: Traits, spec: Traits) {
  return <Entry extends Traits>(
    list: string,
    entries: Optional<readonly Entry[]>,
    toMatch: (entry: Entry) => Match,
  ): Rule[] =>
    (entries ?? []).map((entry, index) => {
      const { fromSource, readOnly, ownerOnly, operations, allowedArgs, pts } = entry as Flags;
      return {
        // Presets are a list without a section.
        id: `${ruleClass}${list && `.${list}`}[${index}]`,
        class: ruleClass,
        match: toMatch(entry),
        sources: (fromSource ?? []).map(toSource),
        // Nothing more than the language's own order would be said by the order in a list.
        ...(operations != null && { operations: FILE_OPERATIONS.filter((each) => operations.includes(each)) }),
        ...(allowedArgs != null && { arguments: [...new Set(allowedArgs)].sort() }),
        ...(pts != null && { terminal: !pts }),
        readOnly: readOnly ?? false,
        ownerOnly: ownerOnly ?? false,
        ...resolveTraits([entry, section, spec]),
      };
    });
}

/** What some kinds of entries say beside their match. */
interface Flags {
  readonly fromSource?: Optional<readonly Source[]>;
  readonly readOnly?: Optional<boolean>;
  readonly ownerOnly?: Optional<boolean>;
  readonly operations?: Optional<readonly FileOperation[]>;
  readonly allowedArgs?: Optional<readonly string[]>;
  readonly pts?: Optional<boolean>;
}

/** See Rule.sources. */
function toSource({ path, dir, recursive }: Source): string {
  return path ?? `${dir!.replace(/\/?$/u, '/')}${recursive ? '**' : ''}`;
}

/** Takes each trait from the nearest level that says it. */
function resolveTraits(levels: readonly Traits[]): Pick<Rule, 'action' | 'severity' | 'tags' | 'message'> {
  const nearest = <T>(pick: (level: Traits) => Optional<T>) => levels.map(pick).find((value) => value != null);
  return {
    action: nearest((level) => level.action) ?? DEFAULT_ACTION,
    severity: nearest((level) => level.severity) ?? DEFAULT_SEVERITY,
    // Copied, so that a policy never shares a list with its document or with another rule.
    tags: [...(nearest((level) => (level.tags?.length ? level.tags : undefined)) ?? [])],
    message: nearest((level) => level.message || undefined) ?? '',
  };
}
