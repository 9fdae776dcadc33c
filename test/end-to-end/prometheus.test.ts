import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { docker, enter, startContainer } from '../support/docker.js';
import { makeProgramsImage, PROGRAMS_IMAGE } from '../support/programs-image.js';
import { alertRules, dashboardQueries, Prometheus } from '../support/prometheus.js';

const daemon = new Daemon();
const client = new Client(daemon.address);
const prometheus = new Prometheus();
const MANIFEST = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: measured}
spec:
  selector: {matchLabels: {app: measured}}
  file: {matchPaths: [{path: /etc/shadow}]}`;
const INSTANCE = daemon.metricsAddress;

const readShadow = () => enter('measured', '/bin/cat', '/etc/shadow').status;

before(async () => {
  makeProgramsImage();
  startContainer(PROGRAMS_IMAGE, 'measured', '--label', 'app=measured');
  await daemon.start('--export', `file:${join(daemon.directory, 'events.jsonl')}`);
  await prometheus.start();
  await client.call('PolicyService', 'ApplyPolicy', { manifest: MANIFEST });
  // A rate needs a scrape before the refusal.
  await prometheus.find('hauberk_policies', ({ value }) => value[1] === '1');
  assert.equal(readShadow(), 1);
});

after(async () => {
  client.close();
  await prometheus.end();
  await daemon.end('SIGTERM').catch(() => undefined);
  docker('rm', '-f', 'measured');
});

test('Prometheus scrapes hauberkd with the shipped configuration and counts a refused access', async () => {
  const counted = await prometheus.find('hauberk_decisions_total{class="file",action="block"}', ({ value }) => {
    return Number(value[1]) > 0;
  });
  assert.equal(counted.metric.job, 'hauberk');
  assert.equal(counted.metric.instance, INSTANCE);
  await prometheus.find('hauberk_events_total{class="file",action="block",result="denied"}', ({ value }) => {
    return Number(value[1]) > 0;
  });
});

test('the shipped rules are loaded, can be evaluated, and none is critical while hauberkd enforces', async () => {
  const loaded = await prometheus.rules();
  assert.deepEqual(loaded.map(({ name }) => name).sort(), [...alertRules().keys()].sort());
  for (const { name, health, lastError } of loaded) assert.notEqual(health, 'err', `${name}: ${lastError}`);
  const firing = loaded.flatMap(({ alerts }) => alerts).filter(({ state }) => state === 'firing');
  assert.deepEqual(
    firing.filter(({ labels }) => labels.severity === 'critical'),
    [],
  );
});

test('alerts and dashboard together use every metric of hauberkd, and no others', async () => {
  const registered = new Set([...(await daemon.metrics()).matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name!));
  const texts = [...alertRules().values(), ...dashboardQueries().map(({ query }) => query)];
  const names = texts.flatMap((text) => text.match(/\bhauberk_\w+/g) ?? []);
  // Equal: every metric is also used somewhere.
  assert.deepEqual(
    [...new Set(names.map((name) => name.replace(/_(bucket|count|sum)$/, '')))].sort(),
    // The standard metrics of processes and of Node.js need not be used.
    [...registered].filter((name) => name.startsWith('hauberk_')).sort(),
  );
});

test('every alert expression can be evaluated, and those on the state of hauberkd refer to existing series', async () => {
  const ofState: string[] = [];
  for (const [name, expression] of alertRules()) {
    await assert.doesNotReject(prometheus.query(expression), name);
    if (!expression.endsWith(' == 0')) continue;
    ofState.push(name);
    const state = expression.replace(/ == 0$/, '');
    // The last scrape may have been late, or before Docker was connected; another runtime of the machine may have ended.
    await prometheus.find(state, ({ metric, value }) => metric.instance === INSTANCE && value[1] === '1');
  }
  assert.deepEqual(ofState, ['HauberkDown', 'HauberkNotEnforcing', 'HauberkSourceDisconnected', 'HauberkExportFails']);
});

test('every query of the dashboard returns a series, unless it counts what has not happened', async () => {
  // Series that first appear with the first occurrence.
  const mayBeEmpty = new Set(['Connections and calls turned away', 'Days until certificates end']);
  // Once more, so that there is a refusal in the last minute however long the tests above took.
  assert.equal(readShadow(), 1);
  const queries = dashboardQueries();
  assert.ok(queries.length > 15);
  for (const { title, query } of queries) {
    if (mayBeEmpty.has(title)) await assert.doesNotReject(prometheus.query(query), title);
    else await prometheus.find(query);
  }
  const refused = queries.find(({ title }) => title === 'Refused, by class')!;
  await prometheus.find(refused.query, ({ metric, value }) => metric.class === 'file' && Number(value[1]) > 0);
});

test('the alert on a daemon that is down becomes pending when hauberkd ends', async () => {
  await daemon.end('SIGTERM');
  const alert = await prometheus.find('ALERTS{alertname="HauberkDown"}');
  assert.equal(alert.metric.severity, 'critical');
  assert.equal(alert.metric.alertstate, 'pending');
});
