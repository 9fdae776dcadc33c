import { type ServiceError, status } from '@grpc/grpc-js';
import { BadRequest } from '../generated/google/rpc/error_details.js';
import { Status } from '../generated/google/rpc/status.js';
import { HauberkError, type StatusName, type Violation } from './error.js';

/** The error with which a failed call rejects. */
export function errorOfCall({ code, details, metadata }: ServiceError, cause?: unknown): HauberkError {
  const [encoded] = metadata?.get('grpc-status-details-bin') ?? [];
  const violations = encoded instanceof Buffer ? violationsIn(encoded) : [];
  return new HauberkError(status[code] as StatusName, details, violations, { cause });
}

function violationsIn(encoded: Buffer): Violation[] {
  const { details } = Status.decode(encoded);
  return details
    .filter(({ typeUrl }) => typeUrl.endsWith('/google.rpc.BadRequest'))
    .flatMap(({ value }) => BadRequest.decode(value).fieldViolations)
    .map(({ field, description }) => ({ field, description }));
}
