import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Ajv } from 'ajv';
import { parse, parseAllDocuments } from 'yaml';

const PLAIN = 'packaging/kubernetes';
const CHART = `${PLAIN}/helm/hauberk`;

const read = (path: string) => readFileSync(join(CHART, path), 'utf8');
const plainOf = (name: string) =>
  parseAllDocuments(readFileSync(join(PLAIN, name), 'utf8')).map((document) => document.toJS());

interface Values {
  readonly hook: { readonly whenUnanswered: string };
  readonly [name: string]: unknown;
}

test('the templates of the chart are up to date with the plain manifests', async () => {
  const maker = pathToFileURL(resolve('tools/helm-chart.mjs')).href;
  const { templates } = (await import(maker)) as { templates: () => ReadonlyMap<string, string> };
  for (const [name, text] of templates()) {
    assert.equal(read(`templates/${name}`), text, `node tools/helm-chart.mjs writes ${name} again`);
  }
});

test('the default values agree with the plain manifests and the schema', () => {
  const values = parse(read('values.yaml')) as Values;
  const validate = new Ajv().compile(JSON.parse(read('values.schema.json')));
  assert.ok(validate(values), JSON.stringify(validate.errors));
  for (const wrong of [
    { image: { repo: 'x' } },
    { postures: { file: 'deny' } },
    { hook: { whenUnanswered: 'maybe' } },
    { tolerance: [] },
  ])
    assert.equal(validate({ ...values, ...wrong }), false, JSON.stringify(wrong));
  const daemonSet = plainOf('daemonset.yaml').find(({ kind }) => kind === 'DaemonSet');
  const { tolerations, nodeSelector, containers } = daemonSet.spec.template.spec;
  const { resources, image } = containers[0];
  assert.deepEqual([values.tolerations, values.nodeSelector, values.resources], [tolerations, nodeSelector, resources]);
  const { repository } = values.image as { repository: string };
  const { version, appVersion } = parse(read('Chart.yaml')) as { version: string; appVersion: string };
  assert.equal(`${repository}:${appVersion}`, image);
  const release = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  assert.deepEqual([version, appVersion], [release.version, release.version]);
  const hook = readFileSync(`${PLAIN}/hook-install.yaml`, 'utf8');
  assert.ok(hook.includes(`--when-unanswered, ${values.hook.whenUnanswered}`));
});

test('the chart has the definitions of all kinds of hauberk.io in the directory from which Helm installs only missing ones', () => {
  assert.deepEqual(readdirSync(join(CHART, 'crds')), readdirSync(join(PLAIN, 'crds')));
});
