/**
 * The option `skip` of tests that take minutes under emulation and resemble another test of npm test: only
 * `npm run test:kernels` runs them.
 */
export const IN_LONG_RUNS = process.env.HAUBERK_LONG_RUN === undefined && 'only npm run test:kernels runs it';
