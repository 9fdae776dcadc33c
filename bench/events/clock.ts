/** CLOCK_MONOTONIC, which every process and the kernel's records share; performance.now() starts with each process. */
export function monotonicMilliseconds(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
