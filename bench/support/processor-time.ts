/** Processor time of this process in milliseconds, which is more meaningful than wall-clock time on a busy machine. */
export function processorMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
