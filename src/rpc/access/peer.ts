import type { CallingProcess } from '../../containers/descent.js';
import type { Role } from './role.js';

/** The client at the other end of a connection. */
export interface Peer {
  /** What the client is called in messages, in the log and by the limits: its SPIFFE id, `cn:NAME`, `uid:NUMBER`… */
  readonly identity: string;
  /** Absent for a client that has been given none. */
  readonly role: Role | undefined;
  /** Where it connects from: `ADDRESS:PORT`, or `unix:pid=NUMBER`. */
  readonly address: string;
  /** Absent where it comes by no Unix socket. */
  readonly process?: CallingProcess;
}
