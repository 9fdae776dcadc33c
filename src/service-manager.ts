/** Sends a text to the socket of a service manager; says whether it went. */
export type SendNotification = (path: string, text: string) => boolean;

/** What a service manager has put into the environment of a service: sd_notify(3), sd_watchdog_enabled(3). */
export interface ServiceEnvironment {
  readonly NOTIFY_SOCKET?: string | undefined;
  readonly WATCHDOG_USEC?: string | undefined;
  readonly WATCHDOG_PID?: string | undefined;
}

/** Tells systemd, where it has started us and asked for it, how the service stands. */
export class ServiceManager {
  readonly #socket: string | undefined;
  readonly #watchdogMilliseconds: number | undefined;
  readonly #send: SendNotification;
  #timer: NodeJS.Timeout | undefined;

  constructor(environment: ServiceEnvironment, send: SendNotification, pid = process.pid) {
    this.#socket = environment.NOTIFY_SOCKET || undefined;
    this.#send = send;
    const isForUs = [undefined, '', String(pid)].includes(environment.WATCHDOG_PID);
    const milliseconds = Number(environment.WATCHDOG_USEC) / 1000;
    this.#watchdogMilliseconds = isForUs && milliseconds > 0 ? milliseconds : undefined;
  }

  /** Serves from now on: what is ordered after the service may start. Then a sign of life at half of the time asked for. */
  ready(): void {
    this.#notify('READY=1');
    if (this.#socket === undefined || this.#watchdogMilliseconds === undefined) return;
    this.#timer = setInterval(() => this.#notify('WATCHDOG=1'), this.#watchdogMilliseconds / 2);
    this.#timer.unref();
  }

  stopping(): void {
    this.#notify('STOPPING=1');
  }

  /** No sign of life from now on. */
  close(): void {
    clearInterval(this.#timer);
  }

  #notify(text: string): void {
    if (this.#socket !== undefined) this.#send(this.#socket, text);
  }
}
