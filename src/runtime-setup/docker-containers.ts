import { type JsonObject, objectIn, textIn } from '../json-shape.js';
import type { Host } from './host.js';

export interface DockerContainer {
  readonly id: string;
  readonly name: string;
  /** The name of the runtime that it was made with, which each of its starts uses. */
  readonly runtime: string;
  readonly running: boolean;
}

/**
 * Docker's containers as dockerd keeps them on disk: the list in its API has no runtimes, and an inspection waits for
 * the lock of a container that is just being started.
 */
export function dockerContainers(host: Host, dataRoot: string): DockerContainer[] {
  // With user namespaces, dockerd keeps everything in a directory by the name of the range's user and group.
  const remapped = host.list(dataRoot).filter((name) => /^\d+\.\d+$/u.test(name));
  return ['', ...remapped.map((name) => `/${name}`)].flatMap((part) => {
    const directory = `${dataRoot}${part}/containers`;
    return host
      .list(directory)
      .map((id) => readContainer(host, `${directory}/${id}`, id))
      .filter((container) => container !== undefined);
  });
}

function readContainer(host: Host, directory: string, id: string): DockerContainer | undefined {
  const configuration = read(host, `${directory}/config.v2.json`);
  const hostConfiguration = read(host, `${directory}/hostconfig.json`);
  // It is being made, or removed.
  if (configuration === undefined || hostConfiguration === undefined) return undefined;
  try {
    const name = textIn(configuration.Name, 'Name') ?? '';
    const { Running: running } = objectIn(configuration.State ?? {}, 'State');
    const runtime = textIn(hostConfiguration.Runtime, 'Runtime') || 'runc';
    return { id, name: name.replace(/^\//u, ''), runtime, running: running === true };
  } catch {
    return undefined;
  }
}

/** Undefined as well where the file is damaged. */
function read(host: Host, path: string): JsonObject | undefined {
  const text = host.readText(path);
  try {
    return text === undefined ? undefined : objectIn(JSON.parse(text), path);
  } catch {
    return undefined;
  }
}
