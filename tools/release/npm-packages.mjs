import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {{ name: string, version: string, license: string, resolved: string, integrity: string, path: string }} NpmPackage */

/**
 * The npm packages that are part of a release: all in the lock file that are not only for development.
 *
 * @returns {NpmPackage[]} ordered by name
 */
export function releasedPackages() {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const found = Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional && existsSync(`${path}/package.json`))
    .map(([path, { version, resolved, integrity }]) => {
      const { name, license, licenses } = JSON.parse(readFileSync(`${path}/package.json`, 'utf8'));
      return { name, version, resolved, integrity, path, license: licenseOf(license ?? licenses?.[0]?.type) };
    });
  // One version may be installed for several packages that ask for it.
  return [...new Map(found.map((each) => [`${each.name}@${each.version}`, each])).values()].sort((a, b) =>
    `${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1,
  );
}

/** The licences in a package: its own, and those of sources that it contains, such as LevelDB's. */
export function licenseTexts({ path }) {
  const isLicense = /(?:^|\/)(?:licen[cs]e|copying)(?:[.-][^/]*)?$/iu;
  return readdirSync(path, { recursive: true })
    .filter((name) => isLicense.test(name) && !name.includes('node_modules/') && statSync(join(path, name)).isFile())
    .sort((a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1))
    .map((name) => readFileSync(join(path, name), 'utf8'));
}

function licenseOf(stated) {
  return typeof stated === 'string' ? stated : (stated?.type ?? 'NOASSERTION');
}
