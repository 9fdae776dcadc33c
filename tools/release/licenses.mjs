/** Writes the licences of the npm packages that are released. Usage: node tools/release/licenses.mjs DIRECTORY */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { licenseTexts, releasedPackages } from './npm-packages.mjs';

const directory = process.argv[2];
mkdirSync(directory, { recursive: true });
const texts = releasedPackages().map((each) => {
  const found = [...new Set(licenseTexts(each))];
  const missing = `The package states its licence as ${each.license}, and does not contain the text.`;
  const text = found.length === 0 ? missing : found.map((one) => one.trimEnd()).join('\n\n');
  return `==== ${each.name} ${each.version} (${each.license})\n\n${text}\n`;
});
writeFileSync(join(directory, 'npm-packages'), texts.join('\n'));
