import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { connect } from '../../src/client/index.js';
import { KubearmorClient } from '../support/kubearmor-client.js';

/** A program: a client that uses everything at once until it is killed. Parameters: the paths of both sockets. */

const [socket = '', kubearmorSocket = ''] = process.argv.slice(2);
const client = connect({ address: `unix:${socket}` });
const kubearmor = new KubearmorClient(`unix:${kubearmorSocket}`);
const ignore = () => undefined;

async function follow(): Promise<void> {
  for await (const { events } of client.events({ objectPattern: '/srv/**' })) events.at(0);
}

async function ask(): Promise<never> {
  for (;;) {
    await client.containers.listContainers().catch(ignore);
    await client.policies.validatePolicy({ source: { $case: 'manifest', value: '---\n'.repeat(2000) } }).catch(ignore);
  }
}

/** Sends requests and reads no responses. */
async function leaveUnread(): Promise<void> {
  const session = connectHttp2('http://localhost', {
    createConnection: () => connectSocket(socket),
    settings: { initialWindowSize: 0 },
  });
  session.on('error', ignore);
  await once(session, 'remoteSettings');
  const path = '/hauberk.v1.ContainerService/ListContainers';
  const head = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  for (let call = 0; call < 20; call++) session.request(head).on('error', ignore).end(Buffer.alloc(5));
}

for (let stream = 0; stream < 3; stream++) void follow().catch(ignore);
kubearmor.watchAlerts('policy');
void leaveUnread();
void ask();
process.send!('ready');
