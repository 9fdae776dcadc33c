import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Client, type ClientReadableStream, credentials, type ServiceError, status } from '@grpc/grpc-js';

/**
 * A client of KubeArmor's interfaces that shares no code with the server: method names and field numbers are
 * repeated here, as KubeArmor defines them.
 */

/** Fields by name; repeated ones are lists, maps are objects. */
export type Decoded = Record<string, unknown>;
type FieldType =
  | 'text'
  | 'number'
  | 'bytes'
  | readonly ['message', Fields]
  | readonly ['list', FieldType]
  | readonly ['map', FieldType];
type Fields = Readonly<Record<number, readonly [name: string, type: FieldType]>>;

const text = (name: string) => [name, 'text'] as const;
const number = (name: string) => [name, 'number'] as const;

const MESSAGE: Fields = {
  1: number('Timestamp'),
  2: text('UpdatedTime'),
  3: text('ClusterName'),
  4: text('HostName'),
  5: text('HostIP'),
  6: text('Type'),
  7: text('Level'),
  8: text('Message'),
};
/** The fields that describe the acting process. */
const ACTOR: Fields = {
  1: number('Timestamp'),
  2: text('UpdatedTime'),
  3: text('ClusterName'),
  4: text('HostName'),
  5: text('NamespaceName'),
  6: text('PodName'),
  7: text('ContainerID'),
  8: text('ContainerName'),
  9: number('HostPID'),
  10: number('PPID'),
  11: number('PID'),
  12: number('UID'),
};
const ALERT: Fields = {
  ...ACTOR,
  13: text('PolicyName'),
  14: text('Severity'),
  15: text('Tags'),
  16: text('Message'),
  17: text('Type'),
  18: text('Source'),
  19: text('Operation'),
  20: text('Resource'),
  21: text('Data'),
  22: text('Action'),
  23: text('Result'),
  24: text('ContainerImage'),
  25: text('ParentProcessName'),
  26: text('ProcessName'),
  27: number('HostPPID'),
  28: text('Enforcer'),
  29: text('Labels'),
  30: ['ATags', ['list', 'text']],
  31: ['Owner', ['message', { 1: text('Ref'), 2: text('Name'), 3: text('Namespace') }]],
  32: text('Cwd'),
  33: text('TTY'),
  34: number('MaxAlertsPerSec'),
  35: number('DroppingAlertsInterval'),
  36: ['ExecEvent', ['message', { 1: text('ExecID'), 2: text('ExecutableName') }]],
  37: text('KubeArmorVersion'),
  38: text('NodeID'),
  43: ['EventData', ['map', 'text']],
};
const LOG: Fields = {
  ...ACTOR,
  13: text('Type'),
  14: text('Source'),
  15: text('Operation'),
  16: text('Resource'),
  17: text('Data'),
  18: text('Result'),
  19: text('ContainerImage'),
  20: text('ParentProcessName'),
  21: text('ProcessName'),
  22: number('HostPPID'),
  23: text('Labels'),
  24: ['Owner', ['message', { 1: text('Ref'), 2: text('Name'), 3: text('Namespace') }]],
  25: text('Cwd'),
  26: text('TTY'),
  27: ['ExecEvent', ['message', { 1: text('ExecID'), 2: text('ExecutableName') }]],
  28: text('NodeID'),
  33: ['EventData', ['map', 'text']],
};
const POLICY: Fields = { 1: ['policy', 'bytes'] };
const POLICY_LIST = ['policyList', ['list', 'text']] as const;
const policyDataList = ['policyDataList', ['list', ['message', POLICY]]] as const;
const HOST_POLICIES: Fields = { 1: POLICY_LIST, 2: policyDataList };
const PROBE: Fields = {
  1: ['containerList', ['list', 'text']],
  2: ['containerMap', ['map', ['message', { 1: POLICY_LIST, 2: number('policyEnabled'), 3: policyDataList }]]],
  3: ['hostMap', ['map', ['message', HOST_POLICIES]]],
  4: ['networkMap', ['map', ['message', HOST_POLICIES]]],
};
const REPLY: Fields = { 1: number('Retval') };
const RESPONSE: Fields = { 1: number('status') };

export const STATUSES = ['Failure', 'Applied', 'Deleted', 'Modified', 'NotExist', 'Invalid', 'NotEnabled'] as const;
export type PolicyMethod = 'containerPolicy' | 'hostPolicy' | 'networkPolicy';

/** A stream and all its messages so far. */
export interface Followed {
  readonly received: Decoded[];
  /** Never resolves for a stream that is refused. */
  readonly opened: Promise<void>;
  /** How it ended: a status code by name. */
  readonly ended: Promise<string>;
  readonly stream: ClientReadableStream<Decoded>;
}

export class KubearmorClient {
  readonly #client: Client;

  constructor(address: string, channel = credentials.createInsecure(), options: object = {}) {
    this.#client = new Client(address, channel, { 'grpc.use_local_subchannel_pool': 1, ...options });
  }

  close(): void {
    this.#client.close();
  }

  async healthCheck(nonce: number): Promise<number> {
    const request = new BinaryWriter().uint32(8).int32(nonce).finish();
    return (await this.#call('/feeder.LogService/HealthCheck', request, REPLY)).Retval as number;
  }

  watchMessages = () => this.#watch('WatchMessages', '', MESSAGE);
  watchAlerts = (filter: string) => this.#watch('WatchAlerts', filter, ALERT);
  watchLogs = (filter: string) => this.#watch('WatchLogs', filter, LOG);

  /** As karmor does: the JSON of `{type, object}`. @returns the status by name */
  async sendPolicy(method: PolicyMethod, event: unknown): Promise<(typeof STATUSES)[number]> {
    const json = typeof event === 'string' ? event : JSON.stringify(event);
    const request = new BinaryWriter().uint32(10).bytes(Buffer.from(json)).finish();
    const { status: number = 0 } = await this.#call(`/policy.PolicyService/${method}`, request, RESPONSE);
    return STATUSES[number as number]!;
  }

  probe(): Promise<Decoded> {
    return this.#call('/policy.ProbeService/getProbeData', new Uint8Array(), PROBE);
  }

  #call(path: string, request: Uint8Array, fields: Fields): Promise<Decoded> {
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, response?: Decoded) =>
        error === null ? resolve(response!) : reject(error);
      this.#client.makeUnaryRequest(path, Buffer.from, (bytes) => decode(bytes, fields), request, done);
    });
  }

  #watch(method: string, filter: string, fields: Fields): Followed {
    const request = new BinaryWriter().uint32(10).string(filter).finish();
    const path = `/feeder.LogService/${method}`;
    const stream = this.#client.makeServerStreamRequest(path, Buffer.from, (bytes) => decode(bytes, fields), request);
    const received: Decoded[] = [];
    stream.on('data', (each: Decoded) => received.push(each));
    const opened = new Promise<void>((resolve) => stream.once('metadata', () => resolve()));
    const ended = new Promise<string>((resolve) => stream.once('status', ({ code }) => resolve(status[code]!)));
    stream.on('error', () => undefined);
    return { received, opened, ended, stream };
  }
}

function decode(bytes: Uint8Array, fields: Fields): Decoded {
  const reader = new BinaryReader(bytes);
  const decoded: Decoded = {};
  while (reader.pos < reader.len) {
    const [tag, wireType] = reader.tag();
    const field = fields[tag];
    if (field === undefined) throw new Error(`field ${tag} is not one of KubeArmor's`);
    const [name, type] = field;
    const value = read(reader, wireType, type);
    if (type[0] === 'list') decoded[name] = [...((decoded[name] as unknown[]) ?? []), value];
    else if (type[0] === 'map') decoded[name] = { ...(decoded[name] as object), ...(value as object) };
    else decoded[name] = value;
  }
  return decoded;
}

function read(reader: BinaryReader, wireType: WireType, type: FieldType): unknown {
  if (type === 'number') return Number(reader.int64());
  if (wireType !== WireType.LengthDelimited) throw new Error(`wire type ${wireType}`);
  if (type === 'text') return reader.string();
  if (type === 'bytes') return reader.bytes();
  if (type[0] === 'message') return decode(reader.bytes(), type[1]);
  if (type[0] === 'list') return read(reader, wireType, type[1]);
  const { key, value } = decode(reader.bytes(), { 1: ['key', 'text'], 2: ['value', type[1]] });
  return { [key as string]: value };
}
