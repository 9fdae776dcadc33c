/**
 * Writes an OCI image with one layer, a tar archive from standard input, to a directory `layout` below the given one.
 * The format: https://github.com/opencontainers/image-spec. Usage: node tools/release/image-layout.mjs DIRECTORY VERSION
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const [directory, version] = process.argv.slice(2);
const layout = join(directory, 'layout');
const blobs = join(layout, 'blobs/sha256');
mkdirSync(blobs, { recursive: true });
const created = new Date(Number(process.env.SOURCE_DATE_EPOCH) * 1000).toISOString().replace('.000Z', 'Z');
const sum = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Stores a blob and describes it. */
function blob(mediaType, content) {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  writeFileSync(join(blobs, sum(bytes)), bytes);
  return { mediaType, digest: `sha256:${sum(bytes)}`, size: bytes.byteLength };
}

const tar = readFileSync(0);
const layer = blob('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar, { level: 9 }));
const labels = {
  'org.opencontainers.image.title': 'hauberk',
  'org.opencontainers.image.version': version,
  'org.opencontainers.image.licenses': 'Apache-2.0 AND GPL-2.0-only',
};
const config = blob('application/vnd.oci.image.config.v1+json', {
  created,
  architecture: 'amd64',
  os: 'linux',
  config: {
    Env: ['PATH=/usr/sbin:/usr/bin'],
    Entrypoint: ['/usr/sbin/hauberkd'],
    WorkingDir: '/',
    Labels: labels,
    // Only Docker uses this; for other engines a probe can run the same command.
    Healthcheck: {
      Test: ['CMD', '/usr/bin/hauberk', 'status'],
      Interval: 30e9,
      Timeout: 10e9,
      StartPeriod: 60e9,
    },
  },
  rootfs: { type: 'layers', diff_ids: [`sha256:${sum(tar)}`] },
  history: [{ created, created_by: 'tools/release/image' }],
});
const manifest = blob('application/vnd.oci.image.manifest.v1+json', {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config,
  layers: [layer],
});
const name = { 'org.opencontainers.image.ref.name': version, 'io.containerd.image.name': `hauberk:${version}` };
const put = (file, content) => writeFileSync(join(layout, file), JSON.stringify(content));
put('oci-layout', { imageLayoutVersion: '1.0.0' });
put('index.json', { schemaVersion: 2, manifests: [{ ...manifest, annotations: name }] });
// For "docker load" of releases that do not read OCI's layout.
put('manifest.json', [
  {
    Config: `blobs/sha256/${config.digest.slice(7)}`,
    RepoTags: [`hauberk:${version}`],
    Layers: [`blobs/sha256/${layer.digest.slice(7)}`],
  },
]);
