import type { PeerCertificate } from 'node:tls';

/**
 * What a client is called by its certificate: the SPIFFE id among its subject alternative names, or where there is none
 * `cn:` with its common name. Undefined where it has neither, or more than one.
 */
export function identityOf({ subjectaltname, subject }: PeerCertificate): string | undefined {
  const uris = urisOf(subjectaltname ?? '');
  if (uris === undefined) return undefined;
  const spiffeIds = uris.filter((uri) => uri.startsWith('spiffe://'));
  if (spiffeIds.length > 0) return spiffeIds.length === 1 ? spiffeIds[0] : undefined;
  // A name that is given twice comes as a list.
  const commonName: unknown = subject?.CN;
  return typeof commonName === 'string' && commonName !== '' ? `cn:${commonName}` : undefined;
}

/**
 * Node.js lists names as `KIND:VALUE, KIND:VALUE`, a value with a comma or a quote in it as a JSON string. A list in
 * any other form is not trusted at all.
 */
function urisOf(names: string): string[] | undefined {
  const uris: string[] = [];
  const entry = /([^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/uy;
  while (entry.lastIndex < names.length) {
    const [, kind, value] = entry.exec(names) ?? [];
    if (kind === undefined || value === undefined) return undefined;
    if (kind === 'URI') uris.push(value.startsWith('"') ? (JSON.parse(value) as string) : value);
  }
  return uris;
}
