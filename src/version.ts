import { readFileSync } from 'node:fs';
import { PACKAGE_FILE } from './built-files.js';

export const VERSION: string = JSON.parse(readFileSync(PACKAGE_FILE, 'utf8')).version;
