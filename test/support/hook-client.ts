import { connect } from 'node:net';

/** Sends a request as hauberk-hook does, and returns the line of the response. */
export function requestAsHook(path: string, request: unknown): Promise<string> {
  return sendToHook(path, typeof request === 'string' ? request : JSON.stringify(request));
}

/** A complete request. */
export function hookRequest(
  change: { runtime?: string; on_failure?: string; deadline_ms?: number | undefined; state?: object } = {},
): object {
  const { state, ...rest } = change;
  return {
    version: 1,
    runtime: 'docker',
    on_failure: 'refuse',
    ...rest,
    state: { ociVersion: '1.0.2', id: 'a', status: 'creating', pid: process.pid, bundle: '/nowhere', ...state },
  };
}

function sendToHook(path: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(path, () => socket.end(text));
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => (answer += chunk));
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
  });
}
