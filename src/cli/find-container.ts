import type { HauberkClient } from '../client/messages.js';
import { CommandFailure, EXIT } from './exit-status.js';

/** The id of the host's own processes. */
const HOST = 'host';

/** The id of a container given by that id, a prefix of it, or the container's name. */
export async function findContainer(wanted: string, client: HauberkClient): Promise<string> {
  if (wanted === HOST) return HOST;
  const { containers } = await client.containers.listContainers();
  if (containers.some(({ id }) => id === wanted)) return wanted;
  const matching = containers.filter(({ id, name }) => name === wanted || id.startsWith(wanted));
  if (matching.length === 1) return matching[0]!.id;
  const problem = matching.length === 0 ? `no container ${wanted}` : `${wanted} could be any of`;
  throw new CommandFailure(EXIT.refused, [problem, ...matching.map(({ id, name }) => `  ${id} ${name}`)].join('\n'));
}
