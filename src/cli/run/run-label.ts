/** By this label policies reach one run and nobody else; its value is the run's id. */
export const RUN_LABEL = 'hauberk.io/run';
