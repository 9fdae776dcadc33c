/** Prints the package.json that is installed above the programs: the fields that Node.js and `--version` read. */
import { readFileSync } from 'node:fs';

const { name, version, description, license, type } = JSON.parse(readFileSync('package.json', 'utf8'));
process.stdout.write(`${JSON.stringify({ name, version, description, license, type }, undefined, 2)}\n`);
