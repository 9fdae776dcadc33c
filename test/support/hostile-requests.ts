import { type Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { EventServiceClient, StreamEventsRequest } from '../../src/generated/hauberk/v1/event.js';
import { DiffRequest, ExplainRequest, PolicyServiceClient } from '../../src/generated/hauberk/v1/policy.js';

/** Requests of a viewer that cost the daemon as much as possible. */

const BYTES = 4 * 1024 * 1024 - 16;
const repeated = (text: string) => text.repeat(Math.floor(BYTES / text.length));

const SELECTORS: Readonly<Record<string, (number: number) => string>> = {
  'policies that reach nobody': (number) => `{app: a${number}}`,
  'policies for containers of many names': (number) =>
    `{kubearmor.io/container.name: "${'(.?'.repeat(40)}${number}${')+'.repeat(40)}Z"}`,
  'policies for all containers': () => '{}',
};
/** As many of these as a manifest may hold: each takes about ninety tokens. */
const POLICIES = 3300;
const policyOf = (selector: string, number: number) =>
  `---\n{apiVersion: security.kubearmor.com/v1, kind: KubeArmorPolicy, metadata: {name: p${number}}, spec: {selector: {matchLabels: ${selector}}, file: {action: Allow, matchPaths: [{path: /a}]}}}\n`;

const SLOW_MANIFESTS = new Set(['empty documents', 'comments', 'folded text', 'YAML directives']);
const MANIFESTS: Readonly<Record<string, string>> = {
  'empty documents': repeated('---\n'),
  comments: repeated('#\n'),
  'folded text': `a: >\n${repeated(' x\n\n').slice(0, BYTES - 8)}`,
  'YAML directives': repeated('%YAML 1.2\n---\n'),
  escapes: `"${repeated('\\n').slice(0, BYTES - 8)}`,
  nesting: repeated('['),
  ...Object.fromEntries(
    Object.entries(SELECTORS).map(([name, selectorOf]) => [
      name,
      Array.from({ length: POLICIES }, (_, number) => policyOf(selectorOf(number), number)).join(''),
    ]),
  ),
};

/** Short, and beyond every limit when it is compiled. */
const COSTLY_PATTERN = `/**a${'?'.repeat(14)}`;

export interface HostileRequest {
  readonly name: string;
  /** Takes the reading thread seconds of processor time. */
  readonly isSlow?: boolean;
  /** The daemon may accept it. */
  readonly isValid?: boolean;
  /** Resolves with the name of the response's status. */
  send(clients: HostileClients): Promise<string>;
}

export interface HostileClients {
  readonly policies: PolicyServiceClient;
  readonly events: EventServiceClient;
}

export function connectHostile(address: string): HostileClients {
  const channel = credentials.createInsecure();
  return { policies: new PolicyServiceClient(address, channel), events: new EventServiceClient(address, channel) };
}

export function closeHostile(clients: HostileClients): void {
  for (const client of Object.values(clients) as Client[]) client.close();
}

export const HOSTILE_REQUESTS: readonly HostileRequest[] = [
  ...Object.entries(MANIFESTS).map(([name, value]) => ({
    name: `${name in SELECTORS ? POLICIES.toLocaleString('en') : '4 MB of'} ${name} in ValidatePolicy`,
    isSlow: SLOW_MANIFESTS.has(name) || name in SELECTORS,
    isValid: name in SELECTORS,
    send: ({ policies }: HostileClients) =>
      answered((done) => policies.validatePolicy({ source: { $case: 'manifest', value }, force: false }, done)),
  })),
  {
    name: 'a costly pattern of an event stream',
    send: ({ events }) =>
      answered((done) => {
        const empty = StreamEventsRequest.decode(new Uint8Array());
        const stream = events.streamEvents({ ...empty, objectPattern: COSTLY_PATTERN });
        stream.on('error', done).on('end', () => done(null));
        stream.resume();
      }),
  },
  {
    name: 'a million references in Diff',
    send: ({ policies }) =>
      answered((done) => {
        const deleted = Array.from({ length: 1_000_000 }, () => ({ name: '', namespace: '', scope: 0 }));
        policies.diff({ ...DiffRequest.decode(new Uint8Array()), deleted }, done);
      }),
  },
  {
    name: 'a million arguments in Explain',
    send: ({ policies }) =>
      answered((done) => {
        const request = ExplainRequest.decode(new Uint8Array());
        policies.explain({ ...request, arguments: Array<string>(1_000_000).fill('') }, done);
      }),
  },
];

async function answered(send: (done: (error: ServiceError | null) => void) => void): Promise<string> {
  const error = await new Promise<ServiceError | null>((resolve) => send(resolve));
  return status[error?.code ?? status.OK]!;
}
