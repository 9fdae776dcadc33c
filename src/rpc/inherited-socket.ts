/** The first descriptor that a service manager hands over: SD_LISTEN_FDS_START of sd_listen_fds(3). */
const FIRST_DESCRIPTOR = 3;

/** What a service manager says of the sockets that it has opened for a service. */
export interface SocketEnvironment {
  readonly LISTEN_PID?: string | undefined;
  readonly LISTEN_FDS?: string | undefined;
}

/**
 * The descriptor of the listening socket that systemd has opened for us, if it has: clients can connect to it while no
 * daemon runs, and are served once one does.
 *
 * @throws Error when there are several
 */
export function inheritedSocket({ LISTEN_PID, LISTEN_FDS }: SocketEnvironment, pid = process.pid): number | undefined {
  if (LISTEN_PID !== String(pid) || Number(LISTEN_FDS) < 1) return undefined;
  if (LISTEN_FDS !== '1')
    throw new Error(`there must be one socket for hauberkd, and systemd has opened ${LISTEN_FDS}`);
  return FIRST_DESCRIPTOR;
}
