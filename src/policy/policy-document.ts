import type { Action } from './model.js';
import type { Direction, EndpointProtocol } from './network.js';

/** An optional field: absent, undefined and null all say nothing. */
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

export interface PolicySpecification extends Traits {
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly process?: Optional<Section>;
  readonly file?: Optional<Section>;
  readonly network?: Optional<NetworkSection>;
  readonly capabilities?: Optional<CapabilitiesSection>;
}

/** What an item may say itself or inherit from its section, and the section from the specification. */
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
  /** In the `file` section only. */
  readonly readOnly?: Optional<boolean>;
}

export interface PathItem extends Item {
  readonly path: string;
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
}

export interface CapabilitiesSection extends Traits {
  readonly matchCapabilities?: Optional<readonly (SourcedItem & { readonly capability: string })[]>;
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

export interface Source {
  readonly path: string;
}
