import { readFileSync } from 'node:fs';

/** The kernel gives these drivers of character devices a number when they start; by each, commands go to a disk. */
const DRIVERS = { bsg_major: 'bsg', nvme_major: 'nvme', nvme_generic_major: 'nvme-generic' };

/**
 * Constants of bpf/include/hardened.h: the major numbers of character devices that reach disks, 0 where the kernel has no
 * such driver.
 *
 * @param devices what /proc/devices says
 */
export function rawDiskMajors(devices = readFileSync('/proc/devices', 'utf8')): Readonly<Record<string, number>> {
  const [characterDevices = ''] = devices.split(/^Block devices:$/mu);
  const majorOf = (driver: string) => Number(new RegExp(`^ *(\\d+) ${driver}$`, 'mu').exec(characterDevices)?.[1] ?? 0);
  return Object.fromEntries(Object.entries(DRIVERS).map(([constant, driver]) => [constant, majorOf(driver)]));
}
