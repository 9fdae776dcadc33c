import type { Container } from '../containers/container.js';
import type { FoundLinks } from '../containers/find-links.js';

/** The host's own processes as policies see them: with what the host has by itself, and what was found or set since. */
export class HostSubject {
  /** Labels and links that it has by itself. */
  readonly #own: Pick<Container, 'labels' | 'links'>;
  #current: Container | undefined;

  /** @param host left out: policies for the host are kept but not enforced */
  constructor(host: Container | undefined) {
    this.#own = { labels: host?.labels ?? {}, links: host?.links ?? {} };
    this.#current = host;
  }

  /** Left out: policies for the host are kept but not enforced. */
  get current(): Container | undefined {
    return this.#current;
  }

  /** The host as it would be with these labels beside, or instead of, its own. */
  labelled(labels: Readonly<Record<string, string>>): Container | undefined {
    const host = this.#current;
    return host && { ...host, labels: { ...this.#own.labels, ...labels } };
  }

  /** A host as it would be with these links beside those of its top directories. */
  linked(host: Container, { links, shared, folded }: FoundLinks): Container {
    return { ...host, links: { ...this.#own.links, ...links }, sharedPrograms: shared, foldedPlaces: folded };
  }

  /** To be followed by a change that affects the host, unless none was made yet. */
  replace(host: Container | undefined): void {
    this.#current = host;
  }
}
