import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { loadSync, type MethodDefinition, type ServiceDefinition } from '@grpc/proto-loader';

interface AnyValue {
  readonly value: 'stringValue' | 'boolValue' | 'intValue' | 'arrayValue';
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly arrayValue?: { readonly values: readonly AnyValue[] };
}

interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

interface LogsRequest {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeLogs: readonly {
      readonly logRecords: readonly {
        readonly timeUnixNano: string;
        readonly severityText: string;
        readonly eventName: string;
        readonly body: AnyValue;
        readonly attributes: readonly KeyValue[];
      }[];
    }[];
  }[];
}

export interface CollectedRecord {
  readonly resource: Readonly<Record<string, unknown>>;
  readonly time: bigint;
  readonly severity: string;
  readonly eventName: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** What a collector answers to a batch. */
export interface CollectorAnswer {
  readonly status?: number;
  readonly rejected?: number;
}

const definition = loadSync('test/support/otlp-logs.proto', { longs: String, defaults: true, oneofs: true });
const service = definition['opentelemetry.proto.collector.logs.v1.LogsService'] as ServiceDefinition;
const method = service.Export as MethodDefinition<object, object>;

/** A stand-in for OpenTelemetry's collector: takes log records by OTLP over HTTP. It keeps what it has taken. */
export async function startCollector(t: TestContext, answer: (batch: readonly CollectedRecord[]) => CollectorAnswer) {
  const taken: CollectedRecord[] = [];
  const requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    requests.push({ path: request.url!, headers: request.headers });
    const batch = recordsIn(method.requestDeserialize(Buffer.concat(chunks)) as LogsRequest);
    const { status = 200, rejected = 0 } = answer(batch);
    if (status === 200) taken.push(...batch.slice(rejected));
    const body = { partialSuccess: { rejectedLogRecords: rejected, errorMessage: 'not these' } };
    response.writeHead(status, { 'Content-Type': 'application/x-protobuf' });
    response.end(status !== 200 ? '' : rejected > 0 ? method.responseSerialize(body) : method.responseSerialize({}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, taken, requests };
}

function recordsIn({ resourceLogs }: LogsRequest): CollectedRecord[] {
  return resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map(({ timeUnixNano, severityText, eventName, body, attributes }) => ({
        resource: plain(resource.attributes),
        time: BigInt(timeUnixNano),
        severity: severityText,
        eventName,
        body: String(plainValue(body)),
        attributes: plain(attributes),
      })),
    ),
  );
}

function plain(attributes: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]));
}

function plainValue(value: AnyValue): unknown {
  if (value.value === 'arrayValue') return value.arrayValue!.values.map(plainValue);
  return value.value === 'intValue' ? Number(value.intValue) : value[value.value];
}
