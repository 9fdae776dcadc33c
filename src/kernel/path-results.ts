/** Order of enum path_result in bpf/include/path.h: why the kernel had no path to decide on. */
export const PATH_RESULTS = [
  'resolved',
  'too-long',
  'unreachable',
  'unstable',
  'unavailable',
  'unreadable',
  'protected',
  'routed',
] as const;
