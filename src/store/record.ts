import { createHash } from 'node:crypto';

/** Version of the stored form; a record of another is not read. */
const FORMAT = 1;

/** The stored form of a value: format, checksum, JSON. */
export function encodeRecord(value: unknown): string {
  const json = JSON.stringify(value);
  return `${FORMAT} ${checksum(json)} ${json}`;
}

/** The value of a stored form; undefined when it is damaged. */
export function decodeRecord(text: string): unknown {
  const [, format, sum, json] = /^(\d+) ([0-9a-f]{64}) (.*)$/su.exec(text) ?? [];
  if (Number(format) !== FORMAT || json === undefined || sum !== checksum(json)) return undefined;
  return JSON.parse(json);
}

/** How long the format and the checksum are, which stand for the rest. */
const HEAD_CHARACTERS = 67;

/** Digest of a record that is not damaged, with its key, as a number of 128 bits. */
export function digestOf(key: string, text: string): bigint {
  const digest = createHash('sha256')
    .update(`${key}\0${text.slice(0, HEAD_CHARACTERS)}`)
    .digest();
  return (digest.readBigUInt64BE(0) << 64n) | digest.readBigUInt64BE(8);
}

function checksum(json: string): string {
  return createHash('sha256').update(json).digest('hex');
}
