/**
 * The option `skip` of tests that take minutes under emulation, and of whose kind npm test has another: they are made by
 * `npm run test:kernels`.
 */
export const IN_LONG_RUNS = process.env.HAUBERK_LONG_RUN === undefined && 'made by npm run test:kernels';
