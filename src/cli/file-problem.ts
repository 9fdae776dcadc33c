import { getSystemErrorMap } from 'node:util';

/** A problem with a file, its name first, as in other programs. */
export function fileProblem(error: unknown): string {
  const { errno, path, message } = error as NodeJS.ErrnoException;
  const [, why] = getSystemErrorMap().get(errno ?? 0) ?? [];
  return why === undefined || path === undefined ? message : `${path}: ${why}`;
}
