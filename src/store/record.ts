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

function checksum(json: string): string {
  return createHash('sha256').update(json).digest('hex');
}
