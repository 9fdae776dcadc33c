import { mkdtempSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FakeContainer {
  readonly pid: number;
  readonly name: string;
  readonly labels?: Record<string, string>;
  /** It is being started, or has ended: lists of running containers leave it out. */
  readonly isStopped?: boolean;
}

/** A simulated Docker API with the few calls that hauberkd makes; other tests use the real Docker. */
export class FakeDocker {
  readonly socketPath = join(mkdtempSync(join(tmpdir(), 'hauberk-docker-')), 'docker.sock');
  readonly containers = new Map<string, FakeContainer>();
  /** The paths of all calls, in order. */
  readonly calls: string[] = [];
  /** Containers that cannot be inspected before a promise resolves, as while Docker holds their lock. */
  readonly locked = new Map<string, Promise<void>>();
  /** Ids of containers that cannot be inspected. */
  readonly broken = new Set<string>();
  events: ServerResponse | undefined;
  readonly #server = createServer(async (request, response) => {
    const url = new URL(request.url!, 'http://docker');
    const [, , id = ''] = url.pathname.split('/');
    this.calls.push(url.pathname);
    if (url.pathname === '/events') {
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
      this.events = response;
      return;
    }
    if (url.pathname === '/containers/json') {
      response.end(JSON.stringify(this.#list(url.searchParams)));
      return;
    }
    await this.locked.get(id);
    const container = this.containers.get(id);
    if (this.broken.has(id)) response.writeHead(500).end('{"message":"layer not found"}');
    else if (container === undefined) response.writeHead(404).end('{"message":"no such container"}');
    else response.end(JSON.stringify(inspected(container)));
  });

  #list(query: URLSearchParams): object[] {
    const ids: string[] | undefined = JSON.parse(query.get('filters') ?? '{}').id;
    return [...this.containers]
      .filter(([id, { isStopped }]) => (query.get('all') === 'true' || !isStopped) && (ids?.includes(id) ?? true))
      .map(([Id, { name, labels = {} }]) => ({ Id, Names: [`/other/${name}-link`, `/${name}`], Labels: labels }));
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.socketPath, resolve));
  }

  send(action: string, id: string): void {
    this.events!.write(`${JSON.stringify({ Type: 'container', Action: action, Actor: { ID: id } })}\n`);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

function inspected({ pid, name, labels = {}, isStopped = false }: FakeContainer) {
  return { Name: `/${name}`, State: { Running: !isStopped, Pid: isStopped ? 0 : pid }, Config: { Labels: labels } };
}
