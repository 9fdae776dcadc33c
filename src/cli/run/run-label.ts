/** The label by which policies select one run only; its value is the run's id. */
export const RUN_LABEL = 'hauberk.io/run';
