import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { Failure } from '../../failure.js';
import type { CertificateEnds } from '../access/observer.js';

/** Paths of PEM files. */
export interface CertificateFiles {
  /** The server's certificate, with those between it and its root. */
  readonly certificate: string;
  readonly key: string;
  /** The authorities that clients' certificates must come from. */
  readonly clientCa: string;
}

/** The contents of the files. */
export type Certificates = Readonly<Record<keyof CertificateFiles, Buffer>>;

/**
 * Reads the files and makes sure that a server can use them.
 *
 * @throws Failure failed-precondition naming the file and what is wrong with it
 */
export function loadCertificates(files: CertificateFiles): Certificates {
  const certificates = readCertificates(files);
  checkCertificates(files, certificates);
  return certificates;
}

/** @throws Failure failed-precondition when a file cannot be read */
export function readCertificates(files: CertificateFiles): Certificates {
  const read = (path: string) => attempt(path, () => readFileSync(path));
  return { certificate: read(files.certificate), key: read(files.key), clientCa: read(files.clientCa) };
}

/** @throws Failure failed-precondition when they do not parse, do not belong together or are not valid now */
export function checkCertificates(files: CertificateFiles, { certificate, key, clientCa }: Certificates): void {
  const [own] = attempt(files.certificate, () => parseAll(certificate));
  requireValidNow(files.certificate, own!);
  const privateKey = attempt(files.key, () => createPrivateKey(key));
  if (!own!.checkPrivateKey(privateKey)) throw refusal(files.key, `is not the key of ${files.certificate}`);
  const authorities = attempt(files.clientCa, () => parseAll(clientCa));
  const current = authorities.filter((authority) => validityProblem(authority) === undefined);
  if (current.length === 0) requireValidNow(files.clientCa, authorities[0]!);
  // OpenSSL has rules of its own, such as the least length of a key.
  attempt(files.certificate, () =>
    createSecureContext({ cert: certificate, key, ca: clientCa, minVersion: 'TLSv1.3' }),
  );
}

/** When certificates that were checked can no longer be used. */
export function endsOf({ certificate, clientCa }: Certificates): CertificateEnds {
  const ends = (pem: Buffer) => parseAll(pem).map(({ validTo }) => Date.parse(validTo));
  return { server: Math.min(...ends(certificate)), clientCa: Math.max(...ends(clientCa)) };
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gsu;

function parseAll(pem: Buffer): X509Certificate[] {
  const blocks = pem.toString('latin1').match(PEM_CERTIFICATE);
  if (blocks === null) throw new Error('there is no certificate in it');
  return blocks.map((block) => new X509Certificate(block));
}

function requireValidNow(path: string, certificate: X509Certificate): void {
  const problem = validityProblem(certificate);
  if (problem !== undefined) throw refusal(path, problem);
}

function validityProblem({ validFrom, validTo }: X509Certificate): string | undefined {
  const now = Date.now();
  if (now > Date.parse(validTo)) return `has expired on ${validTo}`;
  if (now < Date.parse(validFrom)) return `is not valid before ${validFrom}`;
  return undefined;
}

function attempt<Result>(path: string, action: () => Result): Result {
  try {
    return action();
  } catch (thrown) {
    throw refusal(path, `cannot be used: ${(thrown as Error).message}`, thrown);
  }
}

function refusal(path: string, description: string, cause?: unknown): Failure {
  return new Failure('failed-precondition', `${path} ${description}`, [], { cause });
}
