import type { ControlPlane } from '../control/control-plane.js';
import { HostServiceService } from '../generated/hauberk/v1/host.js';
import { toStatusMessage } from './convert.js';
import { RpcService } from './handler.js';

/** hauberk.v1.HostService. */
export function hostServiceOf(plane: Pick<ControlPlane, 'status'>): RpcService {
  return RpcService.of(HostServiceService, {
    getStatus: () => toStatusMessage(plane.status()),
  });
}
