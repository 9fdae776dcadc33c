/** Prints the package.json that stands above the programs on a host: of ours, what Node.js and `--version` read. */
import { readFileSync } from 'node:fs';

const { name, version, description, license, type } = JSON.parse(readFileSync('package.json', 'utf8'));
process.stdout.write(`${JSON.stringify({ name, version, description, license, type }, undefined, 2)}\n`);
