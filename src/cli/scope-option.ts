import { Option } from 'commander';
import { POLICY_ORIGINS, SCOPES } from '../rpc/names.js';

/** Which policies a name is looked for among: those of a namespace, of the cluster, or of hosts. */
export function scopeOption(): Option {
  return new Option('-s, --scope <scope>', 'namespace, cluster or host')
    .choices(Object.keys(SCOPES))
    .default('namespace');
}

/** Of two policies of one name: who gives the one that is meant. */
export function originOption(): Option {
  return new Option('--origin <origin>', 'who gives it: rpc, kubernetes or kubernetes-kubearmor')
    .choices(Object.keys(POLICY_ORIGINS))
    .default('rpc');
}
