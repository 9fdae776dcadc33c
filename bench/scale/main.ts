import { readFileSync, writeFileSync } from 'node:fs';
import { rewriteSections } from '../../tools/reference/sections.js';
import { conditions } from '../report.js';
import { progress } from '../support/progress.js';
import { CLUSTERS } from './cluster.js';
import { measureLeader, measureNode } from './measure.js';
import { rowsOf, tableOf } from './rates.js';

const PAGE = 'docs/scale.md';

// Not measured: the first run of code is slow and adds to the heap.
await measureNode(CLUSTERS[0]!);
const columns = [];
for (const cluster of CLUSTERS) {
  progress(`scale: ${cluster.nodes} nodes`);
  const node = await measureNode(cluster);
  const leader = await measureLeader(cluster, node.heapBytes);
  columns.push({ nodes: cluster.nodes, rows: rowsOf(cluster, node, leader) });
}
const { date, processor, processors } = conditions('npm run scale', '');
const table = `\`npm run scale\` on ${date}: ${processors} × ${processor}.\n\n${tableOf(columns)}`;
process.stdout.write(table);
if (!process.argv.includes('--show')) {
  writeFileSync(PAGE, rewriteSections(readFileSync(PAGE, 'utf8'), { scale: () => table }));
  progress(`rewrote the table in ${PAGE}`);
}
// The control plane's thread for dry runs does not end by itself.
process.exit(0);
