// Generates the templates of the Helm chart from the plain manifests in packaging/kubernetes, so that the two always agree:
// what values set is replaced, everything else is copied. Usage: node tools/helm-chart.mjs
import { readFileSync, writeFileSync } from 'node:fs';

const PLAIN = new URL('../packaging/kubernetes/', import.meta.url);
const TEMPLATES = new URL('helm/hauberk/templates/', PLAIN);
const MADE = '{{- /* Made of the plain manifests by tools/helm-chart.mjs. */}}\n';

/** Replacements in every template. */
const COMMON = [
  // Also in the Namespace itself.
  [/^(kind: Namespace\nmetadata:\n {2}name): hauberk(-nodes)?$/gmu, '$1: {{ .Release.Namespace }}$2'],
  [/^( *namespace): hauberk(-nodes)?$/gmu, '$1: {{ .Release.Namespace }}$2'],
  [
    /^( *)image: hauberk:\S+$/gmu,
    '$1image: {{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}\n$1{{- with .Values.image.pullPolicy }}\n$1imagePullPolicy: {{ . }}\n$1{{- end }}',
  ],
  [
    /^( *)tolerations: .*$/gmu,
    '$1tolerations: {{ toJson .Values.tolerations }}\n$1{{- with .Values.imagePullSecrets }}\n$1imagePullSecrets: {{ toJson . }}\n$1{{- end }}',
  ],
  [/^( *)nodeSelector: .*$/gmu, '$1nodeSelector: {{ toJson .Values.nodeSelector }}'],
];

/** Replaces what values set in a text. @throws Error where a text to replace is not there as often as expected */
function replaced(text, replacements) {
  for (const [find, by, times = 1] of replacements) {
    const found = text.split(find).length - 1;
    if (found !== times) throw new Error(`${JSON.stringify(find)} is there ${found} times, not ${times}`);
    text = text.replaceAll(find, () => by);
  }
  return text;
}

function common(text) {
  for (const [find, by] of COMMON) text = text.replace(find, by);
  return text;
}

/** The documents of a manifest, without the comment at its beginning. */
function plain(name, replacements = []) {
  return common(replaced(readFileSync(new URL(name, PLAIN), 'utf8'), replacements));
}

function onlyIf(condition, text) {
  return `{{- if ${condition} }}\n${text.trimEnd()}\n{{- end }}\n`;
}

/** The templates' texts by name. */
export function templates() {
  const [namespace, ...rest] = plain('rbac.yaml').split('---\n');
  const rbac =
    onlyIf('.Values.createNamespace', namespace) + onlyIf('.Values.rbac.create', `---\n${rest.join('---\n')}`);
  const daemonSet = plain('daemonset.yaml', [
    [
      '  template:\n    metadata:\n      labels: {app.kubernetes.io/name: hauberkd}\n',
      `  template:
    metadata:
      labels: {app.kubernetes.io/name: hauberkd}
      {{- with .Values.config }}
      annotations:
        # It reads its file when it starts.
        checksum/config: {{ toYaml . | sha256sum }}
      {{- end }}
`,
    ],
    [
      '          args: [--kubernetes]\n',
      `          args:
            - --kubernetes
            {{- if .Values.config }}
            - --config=/etc/hauberk/hauberkd.yaml
            {{- end }}
            {{- with .Values.metrics.port }}
            - --metrics=0.0.0.0:{{ . }}
            {{- end }}
            {{- range .Values.extraArgs }}
            - {{ quote . }}
            {{- end }}
          {{- with .Values.metrics.port }}
          ports: [{name: metrics, containerPort: {{ . }}}]
          {{- end }}
`,
    ],
    [
      '          resources:\n            requests: {cpu: 50m, memory: 192Mi}\n            limits: {memory: 1Gi}\n',
      '          resources: {{ toJson .Values.resources }}\n',
    ],
    [
      '            - {name: temporary, mountPath: /tmp}\n',
      `            - {name: temporary, mountPath: /tmp}
            {{- if .Values.config }}
            - {name: config, mountPath: /etc/hauberk, readOnly: true}
            {{- end }}
`,
    ],
    [
      '        - {name: temporary, emptyDir: {}}\n',
      `        - {name: temporary, emptyDir: {}}
        {{- if .Values.config }}
        - {name: config, configMap: {name: hauberkd-file}}
        {{- end }}
`,
    ],
  ]);
  const hookInstall = plain('hook-install.yaml', [
    ['--when-unanswered, allow', '--when-unanswered, {{ .Values.hook.whenUnanswered }}'],
    ['kube-system, hauberk]', 'kube-system, {{ .Release.Namespace }}]'],
  ]);
  const hook =
    onlyIf('eq .Values.hook.state "install"', hookInstall) +
    onlyIf('eq .Values.hook.state "uninstall"', plain('hook-uninstall.yaml'));
  return new Map(
    Object.entries({
      'rbac.yaml': rbac,
      'daemonset.yaml': daemonSet,
      'hook.yaml': hook,
      'podmonitor.yaml': onlyIf('.Values.metrics.podMonitor', plain('podmonitor.yaml')),
    }).map(([name, text]) => [name, MADE + text]),
  );
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  for (const [name, text] of templates()) writeFileSync(new URL(name, TEMPLATES), text);
}
