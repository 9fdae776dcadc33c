import { chmod, lstat, mkdir, mkdtemp, rename, rm, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { Failure } from '../failure.js';

/** Length of sun_path, less its final zero. */
const SOCKET_PATH_BYTES_MAX = 107;

/**
 * Puts a listening socket at a path, with a mode of its own and replacing one on which nothing answers. The socket is
 * bound in a directory only we can enter and moved from there, so that nobody else can connect too early, and the umask
 * of the whole process stays as it is.
 *
 * @param bind binds and listens on the path it is given
 * @returns removes the socket, unless another one stands there by then
 * @throws Failure failed-precondition when a server answers on the path, or something that is not a socket is there
 */
export async function placeSocket(
  path: string,
  mode: number,
  bind: (path: string) => Promise<void>,
): Promise<() => Promise<void>> {
  return beside(path, bind, async (socket) => {
    await chmod(socket, mode);
    const { ino } = await lstat(socket);
    await rename(socket, path);
    return () => removeSocket(path, ino);
  });
}

async function beside<Result>(
  path: string,
  bind: (path: string) => Promise<void>,
  task: (socket: string) => Promise<Result>,
): Promise<Result> {
  const parent = dirname(path);
  await mkdir(parent, { recursive: true, mode: 0o755 });
  await requireFree(path);
  const directory = await mkdtemp(join(parent, '.h'));
  try {
    const socket = join(directory, 's');
    if (Math.max(Buffer.byteLength(socket), Buffer.byteLength(path)) > SOCKET_PATH_BYTES_MAX) {
      throw new Failure('failed-precondition', `${path} is too long for the path of a Unix socket`);
    }
    await bind(socket);
    return await task(socket);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Checks that a socket could be put at a path, and leaves nothing there. @throws as placeSocket does */
export async function tryPlace(path: string, bind: (path: string) => Promise<void>): Promise<void> {
  await beside(path, bind, async () => undefined);
}

async function requireFree(path: string): Promise<void> {
  const found = await lstat(path).catch(absentAsUndefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw new Failure('failed-precondition', `${path} is there already and is not a socket`);
  if (await answers(path)) throw new Failure('failed-precondition', `${path} is in use: a server answers on it`);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      // A full backlog has a server behind it.
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}

async function removeSocket(path: string, ino: number): Promise<void> {
  const found = await lstat(path).catch(absentAsUndefined);
  if (found?.ino === ino) await unlink(path);
}

function absentAsUndefined(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
