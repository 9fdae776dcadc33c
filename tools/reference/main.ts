import { readFileSync, writeFileSync } from 'node:fs';
import { rewriteSections } from './sections.js';
import { PAGES, TABLES } from './tables.js';

for (const page of PAGES) {
  const text = readFileSync(page, 'utf8');
  const current = rewriteSections(text, TABLES);
  if (current === text) continue;
  writeFileSync(page, current);
  console.log(`rewrote ${page}`);
}
