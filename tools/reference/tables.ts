import { readdirSync } from 'node:fs';
import { hookTableText } from '../../test/support/hook-table.js';
import { apiText, eventTable } from './api.js';
import { bootTable, laterHookTable } from './kernels.js';
import { LANGUAGE_TABLES } from './language.js';
import { metricTable } from './metrics.js';
import { flagTable, roleTable } from './settings.js';
import { actingTable, driftLimitTable, namingTable, privilegedLimitTable, useTable } from './techniques.js';

/** Generated contents by section names. */
export const TABLES: Readonly<Record<string, () => string>> = {
  ...LANGUAGE_TABLES,
  api: apiText,
  roles: roleTable,
  event: eventTable,
  flags: flagTable,
  metrics: metricTable,
  hooks: hookTableText,
  'later-hooks': laterHookTable,
  boot: bootTable,
  uses: useTable,
  naming: namingTable,
  acting: actingTable,
  'drift-limits': driftLimitTable,
  'privileged-limits': privilegedLimitTable,
};

export const PAGES: readonly string[] = readdirSync('docs')
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
