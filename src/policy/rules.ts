import type { Capability } from './capability.js';
import type { Action, EndpointMatch, Match, Rule, RuleClass } from './model.js';
import type { AddressFamily, Protocol } from './network.js';
import type {
  CapabilitiesSection,
  EndpointItem,
  Item,
  NetworkSection,
  Optional,
  PolicySpecification,
  Section,
  Source,
  SourcedItem,
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
  ];
}

function pathRules(ruleClass: RuleClass, section: Section, spec: PolicySpecification): Rule[] {
  const make = ruleMaker(ruleClass, section, spec);
  return [
    ...make('matchPaths', section.matchPaths, ({ path }) => ({ kind: 'exact', path })),
    ...make('matchDirectories', section.matchDirectories, ({ dir, recursive }) => ({
      kind: 'directory',
      directory: dir,
      recursive: recursive ?? false,
    })),
    ...make('matchPatterns', section.matchPatterns, ({ pattern }) => ({ kind: 'pattern', pattern })),
  ];
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

function ruleMaker(ruleClass: RuleClass, section: Traits, spec: Traits) {
  return <Entry extends Item | SourcedItem>(
    list: string,
    entries: Optional<readonly Entry[]>,
    toMatch: (entry: Entry) => Match,
  ): Rule[] =>
    (entries ?? []).map((entry, index) => {
      const { fromSource, readOnly, ownerOnly }: Flags = entry;
      return {
        id: `${ruleClass}.${list}[${index}]`,
        class: ruleClass,
        match: toMatch(entry),
        sources: (fromSource ?? []).map(({ path }) => path),
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
