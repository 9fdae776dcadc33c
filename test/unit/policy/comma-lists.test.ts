import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readManifest, readPlacedManifest } from '../../../src/policy/manifest.js';
import { readPolicy } from '../../../src/policy/validate.js';
import { refusalOf } from './support.js';

const manifest = (spec: string) => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: a}
spec:
  selector: {matchLabels: {app: web}}
  action: Block
${spec}`;

test('comma-separated values become separate entries that are otherwise equal', () => {
  const together = `
  network:
    matchProtocols:
    - {protocol: "tcp, UDP,tcp", fromSource: [{path: /bin/x}], severity: 3}
    - protocol: icmp
    matchDNSQueries: [{domain: "a.example.com,*.example.org"}]
  capabilities:
    matchCapabilities: [{capability: "net_raw,CAP_SYS_ADMIN"}]
`;
  const apart = `
  network:
    matchProtocols:
    - {protocol: tcp, fromSource: [{path: /bin/x}], severity: 3}
    - {protocol: udp, fromSource: [{path: /bin/x}], severity: 3}
    - protocol: icmp
    matchDNSQueries: [{domain: a.example.com}, {domain: "*.example.org"}]
  capabilities:
    matchCapabilities: [{capability: net_raw}, {capability: sys_admin}]
`;
  const [read] = readManifest(manifest(together));
  assert.deepEqual(read!.policy, readManifest(manifest(apart))[0]!.policy);
});

test('an error in one of them is reported once, with its position in the text', () => {
  const spec = (protocols: string) => `  network:\n    matchProtocols:\n    - protocol: ${protocols}\n`;
  const text = manifest(`${spec('"tcp,udp"')}    - {protocol: "tcp,tpc,udp", fromSource: [{path: bin}]}\n`);
  assert.deepEqual(
    refusalOf(() => readManifest(text)),
    [
      'line 10, column 18: spec.network.matchProtocols[1].protocol: must be one of tcp, udp, icmp, icmpv6, sctp, raw, stream, dgram, rdm, seqpacket, dccp, packet, all, not `tpc`',
      'line 10, column 53: spec.network.matchProtocols[1].fromSource[0].path: must be absolute, that is start with `/`',
    ],
  );
  for (const wrong of ['"tcp,"', '","', `"${Array.from({ length: 100 }, (_, index) => `tcp${index}`).join(',')}"`])
    assert.ok(refusalOf(() => readManifest(manifest(spec(wrong)))).length > 0, wrong);
});

test('the position of a rule among them is that in the text', () => {
  const text = manifest('  network:\n    matchProtocols:\n    - protocol: "tcp,udp"\n    - protocol: icmp\n');
  const [{ positionOf }] = readPlacedManifest(text).documents as [
    ReturnType<typeof readPlacedManifest>['documents'][0],
  ];
  const lineOf = (index: number) => positionOf(['spec', 'network', 'matchProtocols', index]).line;
  assert.deepEqual([0, 1, 2].map(lineOf), [9, 9, 10]);
});

test('any value without such lists is not changed', () => {
  for (const wrong of [
    undefined,
    null,
    [],
    1,
    'x',
    { spec: [] },
    { spec: { network: 3, capabilities: { matchCapabilities: [1] } } },
  ])
    assert.throws(() => readPolicy(wrong));
  const document = {
    metadata: { name: 'a' },
    spec: { selector: {}, network: { matchProtocols: [{ protocol: 'tcp,udp' }] } },
  };
  const before = structuredClone(document);
  try {
    readPolicy(document);
  } catch {
    // Whether it is accepted does not matter here.
  }
  assert.deepEqual(document, before);
});
