import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type CallOptions, type Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { EventHub } from '../../../src/events/hub.js';
import { ContainerServiceClient } from '../../../src/generated/hauberk/v1/container.js';
import { EventServiceClient } from '../../../src/generated/hauberk/v1/event.js';
import { HostServiceClient } from '../../../src/generated/hauberk/v1/host.js';
import { PolicyServiceClient } from '../../../src/generated/hauberk/v1/policy.js';
import type { RpcLogger, RpcService } from '../../../src/rpc/handler.js';
import { type RunningServer, startServer } from '../../../src/rpc/server.js';
import { createServices } from '../../../src/rpc/services.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';
import { decodeDetails } from './status-details.js';

export const PROTO_ROOT = fileURLToPath(new URL('../../../../proto', import.meta.url));
export const DESCRIPTORS = readFileSync(new URL('../../../descriptors.binpb', import.meta.url));

/** Collects log lines. */
export class LogRecorder implements RpcLogger {
  readonly lines: { level: string; fields: Record<string, unknown>; message: string }[] = [];
  readonly info = this.#recordAs('info');
  readonly warn = this.#recordAs('warn');
  readonly error = this.#recordAs('error');

  #recordAs(level: string) {
    return (fields: object, message: string) => {
      this.lines.push({ level, fields: { ...fields }, message });
    };
  }
}

/** A directory that is removed after the test. */
export function temporaryDirectory(test: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-rpc-'));
  test.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** A server for the services on a Unix socket; it is stopped after the test. */
export async function serve(test: TestContext, services: readonly RpcService[]) {
  const logger = new LogRecorder();
  const directory = temporaryDirectory(test);
  const server = await startServer({ listen: `unix:${join(directory, 'test.sock')}`, services, logger });
  test.after(() => server.shutdown(0));
  return { server, logger };
}

/** Everything the daemon serves, over an in-memory control plane. */
export async function serveAll(test: TestContext, options: { queueCapacity?: number } = {}) {
  const plane = new InMemoryControlPlane();
  const hub = new EventHub();
  const { services, close } = createServices({ plane, hub, descriptorSet: DESCRIPTORS, ...options });
  test.after(close);
  return { plane, hub, ...(await serve(test, services)) };
}

type ClientClass<C extends Client> = new (
  address: string,
  insecure: ReturnType<typeof credentials.createInsecure>,
) => C;

/** A client that is closed after the test. */
export function connect<C extends Client>(
  test: TestContext,
  clientClass: ClientClass<C>,
  { address }: RunningServer,
): C {
  const client = new clientClass(address, credentials.createInsecure());
  test.after(() => client.close());
  return client;
}

export const policyClient = (test: TestContext, server: RunningServer) => connect(test, PolicyServiceClient, server);
export const containerClient = (test: TestContext, server: RunningServer) =>
  connect(test, ContainerServiceClient, server);
export const eventClient = (test: TestContext, server: RunningServer) => connect(test, EventServiceClient, server);
export const hostClient = (test: TestContext, server: RunningServer) => connect(test, HostServiceClient, server);

type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => unknown;

/** Turns a unary call into a promise. */
export function answerOf<C, Request, Response>(
  client: C,
  method: (client: C) => UnaryMethod<Request, Response>,
  request: NoInfer<Request>,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    method(client).call(client, request, new Metadata(), {}, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}

export interface Refusal {
  readonly code: string;
  readonly message: string;
  /** [field, description] of each violation in the status details. */
  readonly violations: [string, string][];
}

/** How a call is refused, with its details decoded. */
export async function refusal(call: Promise<unknown>): Promise<Refusal> {
  try {
    await call;
  } catch (thrown) {
    return readRefusal(thrown as ServiceError);
  }
  throw new Error('the call was not refused');
}

export function readRefusal({ code, details, metadata }: ServiceError): Refusal {
  const [encoded] = metadata.get('grpc-status-details-bin');
  const violations: [string, string][] = [];
  if (encoded !== undefined) {
    const rich = decodeDetails('Status', encoded as Buffer);
    if (rich.code !== code || rich.message !== details) throw new Error('google.rpc.Status differs from the status');
    for (const any of rich.details) {
      if (any.typeUrl !== 'type.googleapis.com/google.rpc.BadRequest') throw new Error(any.typeUrl);
      const { fieldViolations } = decodeDetails('BadRequest', any.value);
      violations.push(...fieldViolations.map(({ field, description }): [string, string] => [field, description]));
    }
  }
  return { code: status[code]!, message: details, violations };
}

/** The page fields of a request for the first page. */
export const FIRST_PAGE = { pageSize: 0, pageToken: '' };

/** A manifest of one policy that blocks one path. */
export function manifest(name: string, path = '/etc/shadow', namespace = 'default'): string {
  return [
    'apiVersion: security.kubearmor.com/v1',
    'kind: KubeArmorPolicy',
    'metadata:',
    `  name: ${name}`,
    `  namespace: ${namespace}`,
    'spec:',
    '  selector:',
    '    matchLabels:',
    '      app: web',
    '  file:',
    '    matchPaths:',
    `      - path: ${path}`,
    '  action: Block',
    '',
  ].join('\n');
}
