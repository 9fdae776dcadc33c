import type { Enforcement } from './enforcement.js';

type Reported = 'host' | 'leftOut' | 'ruleSetInForce' | 'imageIdOf' | 'findingsOf' | 'holders';

/** What is in force, as those see it who only report it. */
export type InForce = Readonly<Pick<Enforcement, Reported>>;
