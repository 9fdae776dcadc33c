import { Option } from 'commander';
import { SCOPES } from '../rpc/names.js';

/** Which policies a name is looked for among: those of a namespace, of the cluster, or of hosts. */
export function scopeOption(): Option {
  return new Option('-s, --scope <scope>', 'namespace, cluster or host')
    .choices(Object.keys(SCOPES))
    .default('namespace');
}
