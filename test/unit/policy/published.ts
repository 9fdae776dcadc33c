/** Manifests in the styles in which people publish them: field order, flow lists, comments, values on the next line. */

export const BLOCK_WITH_COMMENTS = `# Stops the shadow tools of a database container.
---
apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata:
  name: db-block-package-tools
  namespace: databases # change to yours
  labels: {team: storage}
  annotations:
    example.org/review: "2026-03"
spec:
  tags: ["CIS", "rule-3.10"]
  message: "Alert! a package tool was run"
  selector:
    matchLabels:
      app: postgres
      app.kubernetes.io/part-of: shop
  process:
    severity: 4
    matchPaths:
    - path: /usr/bin/apt
    - path: /usr/bin/dpkg
      severity: 7
      message: dpkg was run
      tags: [DPKG]
      fromSource:
      - path: /bin/dash
      - path: /usr/bin/bash
    matchDirectories:
    - dir: /sbin/
      recursive: true
    matchPatterns:
    - pattern: /usr/local/bin/*-install
      ownerOnly: true
  action:
    Block
`;

export const ALLOW_WITH_SOURCES = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: web-zero-trust}
spec:
  action: Allow
  selector: {matchLabels: {container: ubuntu-1}}
  file:
    matchDirectories:
    - {dir: /, recursive: true}
    - dir: /etc/
      action: Audit
    - dir: /credentials/
      readOnly: true
      fromSource: [{path: /readwrite}]
    matchPaths:
    - path: /secret.txt
      ownerOnly: true
      readOnly: true
  severity: 10
`;

/** Calls are only audited, whatever the policy says at its end; a source's directory may lack its slash. */
export const SYSTEM_CALLS = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: watch-deletion}
spec:
  severity: 3
  selector: {matchLabels: {container: ubuntu-1}}
  syscalls:
    message: something was deleted
    matchSyscalls:
    - syscall:
      - unlinkat
      - UNLINKAT
      - kill
      fromSource:
      - path: /bin/bash
      - dir: /opt
        recursive: true
    matchPaths:
    - path: /home/
      recursive: true
      syscall: [unlinkat]
      severity: 9
    - path: /home
      recursive: true
      syscall: [mkdirat, execve]
  file:
    matchPaths:
    - path: /etc/shadow
  action:
    Block
`;

/** A manifest as written by a generator or a cluster: nulls, empty sections, server-side fields. */
export const GENERATED = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata:
  creationTimestamp: null
  generation: 3
  name: generated
  namespace: default
  uid: 5a1d5f0e-0000-4000-8000-000000000000
spec:
  action: Audit
  capabilities: {}
  network:
    matchProtocols: []
  syscalls: null
  presets: []
  file:
    matchPaths:
    - path: /etc/passwd
      ownerOnly: false
    matchPatterns:
  process: {}
  status: Active
  message:
  selector:
    matchLabels:
      app: nginx
    matchExpressions: []
status: {}
`;
