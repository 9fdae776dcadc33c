import { Agent } from 'node:https';
import { type ApiServer, checkTls, type TlsMaterial } from './access.js';

/**
 * Connections to the API server, each made with the certificates as they are then: authorities and certificates are
 * replaced while the daemon runs. If the new ones cannot be used, because they are half written or gone, the previous
 * ones are.
 */
export class Connections {
  #tls: TlsMaterial;
  #agent: Agent;
  /** Agents with earlier connections, which continue until they end. */
  readonly #former = new Set<Agent>();
  #problem: string | undefined;

  /** @param onProblem called with why they cannot be used, and with undefined when they can be again */
  constructor(
    readonly server: ApiServer,
    readonly onProblem: (problem: string | undefined) => void,
  ) {
    this.#tls = tlsOf(server);
    this.#agent = agentFor(this.#tls);
  }

  /** For the next request. */
  agent(): Agent {
    this.#readAgain();
    return this.#agent;
  }

  /** Ends all of them. */
  destroy(): void {
    for (const agent of [this.#agent, ...this.#former]) agent.destroy();
  }

  #readAgain(): void {
    try {
      const now = this.server.readAgain?.() ?? this.#tls;
      if (!isSame(now, this.#tls)) {
        checkTls(now);
        this.#replace(now);
      }
      this.#report(undefined);
    } catch (error) {
      this.#report((error as Error).message);
    }
  }

  #replace(tls: TlsMaterial): void {
    for (const agent of this.#former) if (Object.keys(agent.sockets).length === 0) this.#former.delete(agent);
    this.#former.add(this.#agent);
    // Requests on them are still answered; none of them is used again.
    this.#agent.maxFreeSockets = 0;
    for (const socket of Object.values(this.#agent.freeSockets).flat()) socket?.destroy();
    this.#tls = tls;
    this.#agent = agentFor(tls);
  }

  #report(problem: string | undefined): void {
    if (this.#problem === problem) return;
    this.#problem = problem;
    this.onProblem(problem);
  }
}

function tlsOf({ ca, certificate, key }: TlsMaterial): TlsMaterial {
  return { ...(ca && { ca }), ...(certificate && { certificate }), ...(key && { key }) };
}

function agentFor({ certificate: cert, ...others }: TlsMaterial): Agent {
  return new Agent({ keepAlive: true, ...others, ...(cert && { cert }) });
}

function isSame(one: TlsMaterial, other: TlsMaterial): boolean {
  return (['ca', 'certificate', 'key'] as const).every((field) => String(one[field]) === String(other[field]));
}
