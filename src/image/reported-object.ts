import type { KeyObject } from './kinds/kinds.js';

export type { KeyObject };

export interface PathObject {
  readonly kind: 'path';
  /** Empty where no path leads to the file. */
  readonly path: string;
}

/**
 * The object of an access that was reported or remembered. It says nothing of how the kernel encodes objects: only this
 * folder knows that.
 */
export type ReportedObject = PathObject | KeyObject;
