import type { BinaryReader } from '@bufbuild/protobuf/wire';
import { CONTAINERS_MAX } from '../../containers/container.js';
import type { CallingProcess } from '../../containers/descent.js';
import type { ContainerRegistration } from '../../control/container-tracker.js';
import { Failure } from '../../failure.js';
import { RegisterContainerRequest } from '../../generated/hauberk/v1/container.js';
import { inTimeSlices } from '../../time-slices.js';
import { StrictReader } from '../decode.js';
import { checkRegistration, toRegistration } from '../registration-message.js';
import { RequestChecks } from '../request-checks.js';

/** The tag of the field `containers` of SyncContainersRequest. */
const CONTAINERS = 1;

/**
 * The registrations of an encoded SyncContainersRequest, one decoded after the other, so that other work can run meanwhile.
 *
 * @param caller undefined where they come by no Unix socket
 * @throws Failure invalid-argument with the first problems; resource-exhausted for more containers than there can be
 */
export async function readRegistrations(
  bytes: Uint8Array,
  caller: CallingProcess | undefined,
): Promise<ContainerRegistration[]> {
  const checks = new RequestChecks();
  const seen = new Set<string>();
  const registrations: RegisterContainerRequest[] = [];
  for await (const request of inTimeSlices(requestsIn(bytes))) {
    const index = registrations.push(request) - 1;
    checkSynced(request, index, seen, checks, caller);
    if (checks.isFull) break;
  }
  checks.done();
  const converted: ContainerRegistration[] = [];
  for await (const request of inTimeSlices(registrations)) converted.push(toRegistration(request, caller));
  return converted;
}

/** Records problems of one registration among several. @param seen ids of those before it */
export function checkSynced(
  request: RegisterContainerRequest,
  index: number,
  seen: Set<string>,
  checks: RequestChecks,
  caller: CallingProcess | undefined,
): void {
  checkRegistration(request, `containers[${index}].`, checks, caller);
  checks.require(!seen.has(request.id), `containers[${index}].id`, 'is given twice');
  seen.add(request.id);
}

function* requestsIn(bytes: Uint8Array): Generator<RegisterContainerRequest, void> {
  const reader = new StrictReader(bytes);
  let count = 0;
  while (reader.pos < reader.len) {
    const request = nextRequest(reader);
    if (request === undefined) continue;
    if (++count > CONTAINERS_MAX) {
      throw new Failure(
        'resource-exhausted',
        `more than the ${CONTAINERS_MAX} containers that one host may have are given`,
      );
    }
    yield request;
  }
}

/** Undefined for a field that is not known. */
function nextRequest(reader: BinaryReader): RegisterContainerRequest | undefined {
  try {
    const [field, type] = reader.tag();
    if (field === CONTAINERS && type === LENGTH_DELIMITED)
      return RegisterContainerRequest.decode(reader, reader.uint32());
    reader.skip(type);
    return undefined;
  } catch (error) {
    throw new Failure('invalid-argument', `the request cannot be decoded: ${(error as Error).message}`);
  }
}

/** The wire type of messages and texts. */
const LENGTH_DELIMITED = 2;
