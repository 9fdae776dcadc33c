/** The groups of an IPv6 address that name a network; within it a client chooses its address as it likes. */
const NETWORK_GROUPS = 4;

/**
 * The client that an address stands for when clients are counted.
 *
 * @param address `ADDRESS:PORT`, with no brackets for IPv6, or `unix:pid=NUMBER`
 */
export function hostOf(address: string): string {
  if (address.startsWith('unix')) return 'unix';
  return networkOf(address.slice(0, address.lastIndexOf(':')));
}

/** The address itself, of IPv6 its network of 64 bits. */
export function networkOf(host: string): string {
  if (!host.includes(':') || host.startsWith('::ffff:')) return host;
  const [head = '', tail] = host.split('::');
  const groups = head === '' ? [] : head.split(':');
  const missing = tail === undefined ? 0 : NETWORK_GROUPS - groups.length;
  return [...groups, ...Array<string>(Math.max(0, missing)).fill('0')].slice(0, NETWORK_GROUPS).join(':');
}
