import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export interface IssuedFiles {
  readonly certificate: string;
  readonly key: string;
}

/** An authority that issues certificates with openssl, all its files in one directory. */
export class CertificateAuthority {
  /** Path of its own certificate. */
  readonly certificate: string;
  readonly #key: string;

  constructor(
    private readonly directory: string,
    name = 'authority',
  ) {
    this.certificate = join(directory, `${name}.pem`);
    this.#key = join(directory, `${name}.key`);
    const files = ['-keyout', this.#key, '-out', this.certificate];
    openssl('req', '-x509', ...NEW_KEY, ...files, '-subj', `/CN=${name}`, '-days', '2');
  }

  get pem(): Buffer {
    return readFileSync(this.certificate);
  }

  /**
   * @param name of the files
   * @param subject such as `/CN=dashboard`
   * @param alternativeNames such as `URI:spiffe://example.org/a`
   * @param days negative for a certificate that has expired
   */
  issue(name: string, subject: string, alternativeNames: readonly string[] = [], days = 1): IssuedFiles {
    const [certificate, key, request, extensions] = ['pem', 'key', 'csr', 'ext'].map((ending) =>
      join(this.directory, `${name}.${ending}`),
    ) as [string, string, string, string];
    openssl('req', ...NEW_KEY, '-keyout', key, '-out', request, '-subj', subject);
    writeFileSync(extensions, alternativeNames.length === 0 ? '' : `subjectAltName=${alternativeNames.join(',')}\n`);
    const authority = ['-CA', this.certificate, '-CAkey', this.#key, '-days', `${days}`];
    openssl('x509', '-req', '-in', request, ...authority, '-extfile', extensions, '-out', certificate);
    return { certificate, key };
  }
}

function openssl(...parameters: string[]): void {
  execFileSync('openssl', parameters, { stdio: ['ignore', 'ignore', 'pipe'] });
}
