import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { composeServices, finalStage } from '../support/compose.js';
import { Unit } from '../support/unit.js';

const { hauberkd, prometheus } = composeServices();
const { entryPoint, text: finalStageText } = finalStage();

test('docker-compose.yml and the systemd unit give hauberkd the same individual privileges', () => {
  assert.deepEqual(hauberkd.cap_drop, ['ALL']);
  assert.deepEqual(hauberkd.cap_add?.map((name) => `CAP_${name}`).sort(), new Unit().capabilities.sort());
  assert.ok(!('privileged' in hauberkd));
  assert.ok(hauberkd.security_opt?.includes('no-new-privileges:true'));
  assert.equal(`${hauberkd.ulimits?.nofile}`, new Unit().get('LimitNOFILE'));
});

test('docker-compose.yml names existing files, and mounts those that Prometheus reads', () => {
  assert.ok(existsSync(hauberkd.build!.dockerfile));
  const mounts = new Map(
    prometheus.volumes.map((volume) => volume.split(':').slice(0, 2).reverse() as [string, string]),
  );
  const configuration = prometheus.command!.find((flag) => flag.startsWith('--config.file='))!.split('=')[1]!;
  assert.equal(mounts.get(configuration), './packaging/prometheus/prometheus.yml');
  const [, rules] = /^rule_files:\n {2}- (\S+)$/m.exec(readFileSync(mounts.get(configuration)!, 'utf8'))!;
  assert.equal(mounts.get(configuration.replace(/[^/]+$/, rules!)), `./packaging/prometheus/${rules}`);
  for (const [, source] of mounts) if (source.startsWith('.')) assert.ok(existsSync(source), source);
});

test("the pods' commands are on the image's PATH", () => {
  const specOf = (name: string) =>
    parseAllDocuments(readFileSync(`packaging/kubernetes/${name}.yaml`, 'utf8'))
      .map((document) => document.toJS())
      .find(({ kind }) => kind === 'DaemonSet').spec.template.spec;
  const [{ readinessProbe }] = specOf('daemonset').containers;
  const pods = ['hook-install', 'hook-uninstall'].map(specOf);
  const commands: string[][] = [
    readinessProbe.exec.command,
    ...pods.flatMap(({ initContainers, containers }) =>
      [...initContainers, ...containers].map(({ command }) => command),
    ),
  ];
  const links = [...finalStageText.matchAll(/ln -s (\S+) \/usr\/local\/bin\/(\S+)/gu)];
  const files = new Map(links.map(([, target, name]) => [name!, target!.replace('/opt/hauberk', '.')]));
  assert.deepEqual([...files.keys()].sort(), [...new Set(commands.map(([program]) => program))].sort());
  for (const file of files.values()) assert.equal(statSync(file).mode & 0o111, 0o111, file);
  assert.match(readFileSync(files.get('hauberk')!, 'utf8'), /^#!\/usr\/bin\/env node\n/u);
});

test('the image has no compiler, and its entry point is a file that the build makes', () => {
  assert.doesNotMatch(finalStageText, /clang|-dev\b|gcc|npm/);
  assert.match(finalStageText, /\blibbpf1\b/);
  assert.equal(entryPoint[0], 'node');
  assert.ok(existsSync(entryPoint[1]!.replace('/opt/hauberk', '.')), entryPoint[1]);
});
