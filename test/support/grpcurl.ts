import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

const PROGRAM = process.env.HAUBERK_GRPCURL ?? '';
/** For tests that need the program; tools/test builds it. */
export const skip = PROGRAM === '' && 'HAUBERK_GRPCURL names no grpcurl; tools/test builds one where Go is installed';

/** A third-party client, which knows only what the server's reflection reports. */
export class Grpcurl {
  /**
   * @param address of a Unix socket as --listen takes it; the flag -unix of grpcurl 1.9.3 dials TCP whatever it is given
   */
  constructor(readonly address: string) {}

  /** The output of a verb, such as list. */
  async ask(...verb: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.#run('', [this.address, ...verb]);
    assert.equal(status, 0, stderr);
    return stdout;
  }

  call(method: string, request: object = {}, flags: readonly string[] = []) {
    return this.#run(JSON.stringify(request), [...flags, '-d', '@', this.address, method]);
  }

  /** The answer to a call that succeeds. */
  async answer(method: string, request: object = {}, flags: readonly string[] = []) {
    const { status, stdout, stderr } = await this.call(method, request, flags);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  }

  /** A call whose stream of answers goes on until the process is killed. */
  stream(method: string, request: object) {
    return this.#spawn(['-v', '-d', JSON.stringify(request), this.address, method]);
  }

  async #run(input: string, parameters: readonly string[]) {
    const child = this.#spawn(parameters);
    child.stdin.end(input);
    const [stdout, stderr, [status]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    return { status, stdout, stderr };
  }

  #spawn(parameters: readonly string[]) {
    return spawn(PROGRAM, ['-plaintext', '-max-time', '60', ...parameters]);
  }
}
