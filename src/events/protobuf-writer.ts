const FIRST_BYTES = 64 * 1024;
/** This many bytes are reserved for the length of a nested message. */
const LENGTH_BYTES = 4;
const VARINT = 0;
const LENGTH_DELIMITED = 2;
/** Up to here a loop is quicker than a call into Node.js. */
const SHORT = 24;
const ONE_BYTE_MAX = 0x7f;

/** Writes protobuf messages into one reused buffer, without an object for each message or field. */
export class ProtobufWriter {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #position = 0;

  get length(): number {
    return this.#position;
  }

  reset(): void {
    this.#position = 0;
  }

  /** What was written so far, for the caller to keep. */
  copy(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#position));
  }

  /**
   * A whole number; zero is what a missing field means.
   *
   * @param hasPresence whether zero is written, as it tells more than a missing field
   */
  number(field: number, value: number, hasPresence = false): void {
    if (value === 0 && !hasPresence) return;
    this.#room(20);
    this.#varint((field << 3) | VARINT);
    this.#varint(value);
  }

  /** @param isElement whether it is written when it is empty, as one of a repeated field */
  text(field: number, value: string, isElement = false): void {
    if (value === '' && !isElement) return;
    this.#room(value.length * 3 + 10 + LENGTH_BYTES);
    this.#varint((field << 3) | LENGTH_DELIMITED);
    if (value.length <= SHORT && this.#ascii(value)) return;
    const start = this.#position;
    const length = this.#buffer.write(value, start + 1);
    if (length <= ONE_BYTE_MAX) {
      this.#buffer[start] = length;
      this.#position += 1 + length;
      return;
    }
    this.#buffer.copyWithin(start + LENGTH_BYTES, start + 1, start + 1 + length);
    this.#position += LENGTH_BYTES + length;
    this.#length(start);
  }

  /** Fields that are encoded already. */
  bytes(encoded: Buffer): void {
    this.#room(encoded.length);
    encoded.copy(this.#buffer, this.#position);
    this.#position += encoded.length;
  }

  /** Begins a nested message; the result is for `end`. */
  begin(field: number): number {
    this.#room(10 + LENGTH_BYTES);
    this.#varint((field << 3) | LENGTH_DELIMITED);
    this.#position += LENGTH_BYTES;
    return this.#position - LENGTH_BYTES;
  }

  end(start: number): void {
    this.#length(start);
  }

  /** Writes the length of what stands behind the place kept for it: with all its bytes, so that nothing is moved. */
  #length(start: number): void {
    const length = this.#position - start - LENGTH_BYTES;
    const buffer = this.#buffer;
    buffer[start] = (length & 0x7f) | 0x80;
    buffer[start + 1] = ((length >>> 7) & 0x7f) | 0x80;
    buffer[start + 2] = ((length >>> 14) & 0x7f) | 0x80;
    buffer[start + 3] = length >>> 21;
  }

  #ascii(value: string): boolean {
    const start = this.#position;
    const buffer = this.#buffer;
    buffer[start] = value.length;
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) return false;
      buffer[start + 1 + index] = code;
    }
    this.#position = start + 1 + value.length;
    return true;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#position++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#position++] = rest;
  }

  #room(bytes: number): void {
    if (this.#position + bytes <= this.#buffer.length) return;
    const longer = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#position + bytes));
    this.#buffer.copy(longer, 0, 0, this.#position);
    this.#buffer = longer;
  }
}
