import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';
import { Failure } from '../failure.js';

/**
 * Serves GET and HEAD of /metrics, whatever its query.
 *
 * @param address `ADDRESS:PORT`
 * @throws Failure failed-precondition when the address cannot be bound
 */
export async function startMetricsServer(address: string, registry: Registry): Promise<Server> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  const server = createServer((request, response) => {
    const [path] = request.url!.split('?');
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (!isRead || path !== '/metrics') {
      response.writeHead(404).end('metrics are at /metrics\n');
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      (error: Error) => response.writeHead(500).end(`${error.message}\n`),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Failure('failed-precondition', `cannot serve metrics on ${address}: ${cause.message}`, [], { cause })),
    );
    server.listen(Number(address.slice(colon + 1)), host, resolve);
  });
  return server;
}
