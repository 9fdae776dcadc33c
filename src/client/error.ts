import type { status } from '@grpc/grpc-js';

/** One thing the daemon says is wrong with a request. */
export interface Violation {
  /** The field of the request or of the manifest. */
  readonly field: string;
  /** For a manifest it starts with `line 3, column 5: `. */
  readonly description: string;
}

export type StatusName = keyof typeof status;

/** A call that did not succeed. */
export class HauberkError extends Error {
  override readonly name = 'HauberkError';

  constructor(
    /** The name of the gRPC status, for example `INVALID_ARGUMENT`. */
    readonly code: StatusName,
    message: string,
    readonly violations: readonly Violation[],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
