import { Option } from 'commander';
import { POLICY_ORIGINS, SCOPES } from '../rpc/names.js';

/** Which policies a name is looked for among: those of a namespace, of the cluster, or of hosts. */
export function scopeOption(): Option {
  return new Option('-s, --scope <scope>', 'namespace, cluster or host')
    .choices(Object.keys(SCOPES))
    .default('namespace');
}

/** The origin, to choose one of several policies of the same name. */
export function originOption(of = ''): Option {
  return new Option('--origin <origin>', `${of}who applied it`).choices(Object.keys(POLICY_ORIGINS));
}
