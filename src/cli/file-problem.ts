import { getSystemErrorMap } from 'node:util';

/** What is wrong with a file, its name first, as other programs say it. */
export function fileProblem(error: unknown): string {
  const { errno, path, message } = error as NodeJS.ErrnoException;
  const [, why] = getSystemErrorMap().get(errno ?? 0) ?? [];
  return why === undefined || path === undefined ? message : `${path}: ${why}`;
}
