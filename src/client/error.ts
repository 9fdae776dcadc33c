import { type ServiceError, status } from '@grpc/grpc-js';
import { BadRequest } from 'nice-grpc-error-details';
import { Status } from 'nice-grpc-error-details/lib/proto/google/rpc/status.js';

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

  static from({ code, details, metadata }: ServiceError, cause?: unknown): HauberkError {
    const [encoded] = metadata?.get('grpc-status-details-bin') ?? [];
    const violations = encoded instanceof Buffer ? violationsIn(encoded) : [];
    return new HauberkError(status[code] as StatusName, details, violations, { cause });
  }
}

function violationsIn(encoded: Buffer): Violation[] {
  const { details } = Status.decode(encoded);
  return details
    .filter(({ typeUrl }) => typeUrl.endsWith(`/${BadRequest.$type}`))
    .flatMap(({ value }) => BadRequest.decode(value).fieldViolations)
    .map(({ field, description }) => ({ field, description }));
}
