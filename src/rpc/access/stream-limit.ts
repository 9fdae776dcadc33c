/** Counts the open streams of each client. */
export class StreamLimit {
  readonly #open = new Map<string, number>();

  constructor(readonly maximum: number) {}

  /** Takes a place; false where the client has none left. */
  open(client: string): boolean {
    const open = this.#open.get(client) ?? 0;
    if (open >= this.maximum) return false;
    this.#open.set(client, open + 1);
    return true;
  }

  /** Gives a place back. */
  close(client: string): void {
    const open = this.#open.get(client)! - 1;
    if (open > 0) this.#open.set(client, open);
    else this.#open.delete(client);
  }
}
