import { BinaryReader } from '@bufbuild/protobuf/wire';
import { Client, credentials, Metadata } from '@grpc/grpc-js';

/** `verbose: true` of CRI's StatusRequest. */
const VERBOSE_REQUEST = Buffer.from([0x08, 0x01]);
const STATUS = '/runtime.v1.RuntimeService/Status';
const DEADLINE_MILLISECONDS = 3000;

/** The base_runtime_spec that containerd itself works with, by the name of the runtime; undefined if it does not tell. */
export async function baseSpecsInForce(socket: string): Promise<ReadonlyMap<string, string> | undefined> {
  const client = new Client(`unix:${socket}`, credentials.createInsecure());
  try {
    const info = await new Promise<Map<string, string> | undefined>((resolve) => {
      client.makeUnaryRequest(
        STATUS,
        (request: Buffer) => request,
        statusInfo,
        VERBOSE_REQUEST,
        new Metadata(),
        { deadline: Date.now() + DEADLINE_MILLISECONDS },
        (error, answer) => resolve(error === null ? answer : undefined),
      );
    });
    return specsOf(JSON.parse(info?.get('config') ?? 'null'));
  } catch {
    return undefined;
  } finally {
    client.close();
  }
}

function specsOf(config: unknown): Map<string, string> | undefined {
  const { runtimes } = (config as { containerd?: { runtimes?: object } } | null)?.containerd ?? {};
  if (runtimes === undefined) return undefined;
  return new Map(
    Object.entries(runtimes).map(([name, runtime]) => [name, String(runtime?.baseRuntimeSpec ?? '')] as const),
  );
}

/** The field `info` of CRI's StatusResponse, a map of texts. */
function statusInfo(message: Buffer): Map<string, string> {
  const reader = new BinaryReader(message);
  const info = new Map<string, string>();
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 2) info.set(...mapEntry(reader.bytes()));
    else reader.skip(wireType);
  }
  return info;
}

function mapEntry(message: Uint8Array): [key: string, value: string] {
  const reader = new BinaryReader(message);
  const entry: [string, string] = ['', ''];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 || field === 2) entry[field - 1] = reader.string();
    else reader.skip(wireType);
  }
  return entry;
}
