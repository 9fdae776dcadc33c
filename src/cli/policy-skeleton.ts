/** What a skeleton is made for. */
export interface SkeletonSubject {
  readonly name: string;
  readonly namespace: string;
  /** The labels it is to select. */
  readonly labels: Readonly<Record<string, string>>;
  /** What it was made from, for the first line. */
  readonly of: string;
}

/**
 * A manifest to begin with: it is valid as it is and refuses nothing, and stays valid when these two characters are
 * removed from any line that begins with `#:`.
 */
export function policySkeleton({ name, namespace, labels, of }: SkeletonSubject): string {
  const selected = Object.entries(labels).map(([key, value]) => `      ${scalar(key)}: ${scalar(value)}`);
  const matchLabels = selected.length > 0 ? ['    matchLabels:', ...selected] : ['    matchLabels: {}'];
  const everybody =
    selected.length > 0 ? [] : ['  # The container has no labels: this reaches every container of the namespace.'];
  return `${[
    ...head(`A policy for ${of}.`),
    'apiVersion: security.kubearmor.com/v1',
    'kind: KubeArmorPolicy',
    'metadata:',
    `  name: ${scalar(name)}`,
    `  namespace: ${scalar(namespace)}`,
    'spec:',
    '  # What it would refuse is let through and reported (would_block). Delete this line to have it refused.',
    '  mode: audit',
    '  # From 1 to 10, in each event.',
    '  severity: 5',
    `  message: not needed by ${messageText(name)}`,
    ...everybody,
    '  selector:',
    ...matchLabels,
    ...RULES,
  ].join('\n')}\n`;
}

function head(first: string): string[] {
  return [
    `# ${first.replace(/\p{Cc}/gu, '?')}`,
    '#',
    '#   hauberk diff -f FILE       what it would refuse of what was seen',
    '#   hauberk apply -f FILE      put it in force',
    '#   hauberk watch              see what it reports',
    '#',
    '# Lines that begin with #: are examples: take the two characters away to use them.',
    '# A policy that allows just what a container does is made by hauberk profile start and suggest.',
  ];
}

const RULES = [
  '  # Allow, Audit or Block; each section, and each entry, may have one of its own. As soon as one rule of a section',
  '  # allows something, what no rule names is refused or reported: see hauberk posture get.',
  '  action: Block',
  '  file:',
  '    matchPaths:',
  '      - path: /etc/shadow',
  '#:      # May be read, and not changed.',
  '#:      - path: /etc/passwd',
  '#:        readOnly: true',
  '#:      # For this program only.',
  '#:      - path: /etc/hosts',
  '#:        fromSource:',
  '#:          - path: /usr/bin/vi',
  '    matchDirectories:',
  '      - dir: /root/',
  '        recursive: true',
  '#:      - dir: /usr/',
  '#:        recursive: true',
  '#:        operations: [write, create, delete, rename, link]',
  '#:    matchPatterns:',
  '#:      - pattern: /**/*.pem',
  '  process:',
  '    matchPaths:',
  '      - path: /usr/bin/apt',
  '#:      # A program of this name, wherever it is.',
  '#:      - execname: nc',
  '#:    matchDirectories:',
  '#:      - dir: /tmp/',
  '#:        recursive: true',
  '#:  network:',
  '#:    matchProtocols:',
  '#:      - protocol: raw',
  '#:    matchEndpoints:',
  '#:      # The addresses of cloud metadata services, which hand out credentials.',
  '#:      - cidr: 169.254.169.254/32',
  '#:        direction: egress',
  '#:  capabilities:',
  '#:    matchCapabilities:',
  '#:      - capability: net_raw',
];

/** A YAML scalar that is text whatever it looks like. */
function scalar(text: string): string {
  return /^[a-z][a-z0-9./-]*$/u.test(text) && !/^(?:y|n|yes|no|on|off|true|false|null)$/u.test(text)
    ? text
    : JSON.stringify(text);
}

function messageText(name: string): string {
  return name.replace(/[^a-z0-9.-]/gu, '?');
}
