/** Whether what takes minutes is tried as well. */
export const IS_LONG_RUN = process.env.HAUBERK_LONG_RUN !== undefined;

/**
 * The option `skip` of tests that take minutes under emulation and resemble another test of npm test: only
 * `npm run test:kernels` runs them.
 */
export const IN_LONG_RUNS = !IS_LONG_RUN && 'only npm run test:kernels runs it';
