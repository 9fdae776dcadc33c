export interface FrameFormat {
  readonly headBytes: number;
  /** Where the head has the length of the body, 32 bits, the highest byte first. */
  readonly lengthOffset: number;
  readonly bodyBytesMax: number;
}

/** Cuts a stream of bytes into frames, however the stream was split on its way. */
export class FrameReader {
  readonly #format: FrameFormat;
  readonly #onFrame: (head: Buffer, body: Buffer) => void;
  #chunks: Buffer[] = [];
  #available = 0;
  #head: Buffer | undefined;

  constructor(format: FrameFormat, onFrame: (head: Buffer, body: Buffer) => void) {
    this.#format = format;
    this.#onFrame = onFrame;
  }

  /** @throws Error where a head announces more than the format allows; nothing can be read after that. */
  receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#available += chunk.length;
    const { headBytes, lengthOffset, bodyBytesMax } = this.#format;
    for (;;) {
      if (this.#head === undefined) {
        if (this.#available < headBytes) return;
        this.#head = this.#take(headBytes);
      }
      const length = this.#head.readUInt32BE(lengthOffset);
      if (length > bodyBytesMax)
        throw new Error(`a frame of ${length} bytes, where at most ${bodyBytesMax} are allowed`);
      if (this.#available < length) return;
      const head = this.#head;
      this.#head = undefined;
      this.#onFrame(head, this.#take(length));
    }
  }

  #take(bytes: number): Buffer {
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks = all.length === bytes ? [] : [all.subarray(bytes)];
    this.#available -= bytes;
    return all.subarray(0, bytes);
  }
}
