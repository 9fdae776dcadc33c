import { Failure } from '../failure.js';

/** A write is not possible at present, or what was stored is damaged. */
export class StoreFailure extends Failure {}

/** LevelDB has only the text of an error number. */
const NO_ROOM = /no space left on device|disk quota exceeded|ENOSPC|EDQUOT/iu;

/** The failure of a write: `resource-exhausted` where there is no room or the quota is used up, otherwise `unavailable`. */
export function writeFailure(place: string, error: unknown): StoreFailure {
  // LevelDB names the file first, Node.js its own code and then the call.
  const reason = reasonOf(error)
    .replace(/^IO error: .*: /u, '')
    .replace(/^E[A-Z]+: (.*?), .*$/su, '$1');
  const code = NO_ROOM.test(reasonOf(error)) ? 'resource-exhausted' : 'unavailable';
  const message = `cannot write to ${place}: ${reason.charAt(0).toLowerCase()}${reason.slice(1)}`;
  return new StoreFailure(code, message, [], { cause: error });
}

/** The message of an error's cause, if it has one, else its own. */
export function reasonOf(error: unknown): string {
  return ((error as Error).cause as Error | undefined)?.message ?? (error as Error).message;
}
