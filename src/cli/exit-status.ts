import { HauberkError } from '../client/messages.js';

/** The exit statuses of the command. */
export const EXIT = { ok: 0, refused: 1, usage: 2, unreachable: 3, forbidden: 4, failed: 5, notInForce: 6 } as const;

export const EXIT_HELP = `
Exit statuses:
  0  done
  1  the input was refused: every problem is on standard error
  2  wrong usage
  3  the daemon cannot be reached
  4  the daemon does not allow it
  5  anything else went wrong
  6  status: the policies are not in force; runtime status: some containers, new or existing, do not start
     under Hauberk's hook; doctor: something needs fixing`;

/** A failure that has been printed already, or that is printed as one line. */
export class CommandFailure extends Error {
  constructor(
    readonly exitStatus: number,
    message: string,
  ) {
    super(message);
  }
}

export function exitStatusOf(error: unknown): number {
  if (error instanceof CommandFailure) return error.exitStatus;
  if (!(error instanceof HauberkError)) return EXIT.failed;
  switch (error.code) {
    case 'INVALID_ARGUMENT':
    case 'NOT_FOUND':
    case 'ABORTED':
    case 'FAILED_PRECONDITION':
      return EXIT.refused;
    case 'RESOURCE_EXHAUSTED':
      return error.violations.length > 0 ? EXIT.refused : EXIT.failed;
    case 'UNAVAILABLE':
    case 'DEADLINE_EXCEEDED':
      return EXIT.unreachable;
    case 'PERMISSION_DENIED':
    case 'UNAUTHENTICATED':
      return EXIT.forbidden;
    default:
      return EXIT.failed;
  }
}
