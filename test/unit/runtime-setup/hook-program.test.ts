import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOOK_CONFIGURATION, hookProgramChanges, readWhenUnanswered } from '../../../src/runtime-setup/hook-program.js';
import { carryOut, hostWith, optionsOn } from './support.js';

test('by default the hook refuses unanswered starts', (t) => {
  const host = hostWith(t);
  carryOut(host, { changes: hookProgramChanges(host, 'hauberk-hook', optionsOn(host)), notes: [] });
  assert.equal(readWhenUnanswered(host), 'refuse');
});

test('an existing configuration is kept, except for the requested change', (t) => {
  const text = 'socket = /run/x.sock\nwhen_unanswered=refuse \nexempt_name = a\n';
  const host = hostWith(t, { [HOOK_CONFIGURATION]: text });
  carryOut(host, { changes: hookProgramChanges(host, 'hauberk-hook', optionsOn(host)), notes: [] });
  assert.equal(host.readText(HOOK_CONFIGURATION), text);
  const allow = optionsOn(host, { whenUnanswered: 'allow' });
  carryOut(host, { changes: hookProgramChanges(host, 'hauberk-hook', allow), notes: [] });
  assert.equal(host.readText(HOOK_CONFIGURATION), text.replace('=refuse', '=allow'));
  assert.equal(readWhenUnanswered(host), 'allow');
});

test('a setting that is not in the configuration yet is added', (t) => {
  const host = hostWith(t, { [HOOK_CONFIGURATION]: 'exempt_name = a' });
  const allow = optionsOn(host, { whenUnanswered: 'allow' });
  carryOut(host, { changes: hookProgramChanges(host, 'hauberk-hook', allow), notes: [] });
  assert.equal(host.readText(HOOK_CONFIGURATION), 'exempt_name = a\nwhen_unanswered = allow\n');
});

test('exempt namespaces are added to those that are configured, each once', (t) => {
  const host = hostWith(t, { [HOOK_CONFIGURATION]: 'exempt_namespace = kube-system\n# exempt_namespace = hauberk\n' });
  const options = optionsOn(host, { whenUnanswered: 'refuse', exemptNamespaces: ['kube-system', 'hauberk'] });
  carryOut(host, { changes: hookProgramChanges(host, 'hauberk-hook', options), notes: [] });
  const lines = host.readText(HOOK_CONFIGURATION)!.trim().split('\n');
  assert.deepEqual(lines.slice(2), ['when_unanswered = refuse', 'exempt_namespace = hauberk']);
});

test('an exempt namespace that the hook could not read is refused', (t) => {
  const host = hostWith(t);
  for (const each of ['', 'a b', 'a\nwhen_unanswered = allow', '*', 'Shop', '-a']) {
    const options = optionsOn(host, { exemptNamespaces: ['kube-system', each] });
    assert.throws(() => hookProgramChanges(host, 'hauberk-hook', options), /is not a namespace's name/u, each);
  }
  const options = optionsOn(host, { exemptNamespaces: ['kube-*'] });
  carryOut(host, { changes: hookProgramChanges(host, 'hauberk-hook', options), notes: [] });
  assert.match(host.readText(HOOK_CONFIGURATION)!, /^exempt_namespace = kube-\*$/mu);
});

test('a directory that is not an absolute path of plain characters is refused, and so is a missing program', (t) => {
  const host = hostWith(t);
  const options = optionsOn(host);
  for (const hookDirectory of ['relative', '/with blank', '/$HOME', '/']) {
    const change = () => hookProgramChanges(host, 'hauberk-hook', { ...options, hookDirectory });
    assert.throws(change, /is an absolute path of plain characters/u, hookDirectory);
  }
  const missing = () => hookProgramChanges(host, 'hauberk-hook', { ...options, hookSource: '/missing/hook' });
  assert.throws(missing, /^Failure: the hook's program cannot be read: ENOENT/u);
});
