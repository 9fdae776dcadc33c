import { NameExpression } from './name-expression.js';

/** Labels of selectors whose values are more than a text to compare with, as in KubeArmor. */

/** What every container, and every host, has by itself. */
export const CONTAINER_NAME_LABELS = ['hauberk.io/container.name', 'kubearmor.io/container.name'] as const;
/** What a pod belongs to, for example `Deployment` and `web`, where Kubernetes is followed. */
export const OWNER_LABELS = { kind: 'hauberk.io/owner.kind', name: 'hauberk.io/owner.name' } as const;
export const HOST_NAME_LABEL = 'kubearmor.io/hostname';
const HOST_EXPRESSION_LABEL = 'kubearmor.io/hostnamereg';

type Labels = Readonly<Record<string, string>>;

/**
 * Whether a container or a host carries a label that a selector asks for.
 *
 * @param name of the container, if no label has it
 */
export function carries(labels: Labels, key: string, value: string, name?: string): boolean {
  if (key === HOST_NAME_LABEL) return isHost(labels[key], value);
  if (key === HOST_EXPRESSION_LABEL) return isFound(value, labels[HOST_NAME_LABEL]);
  if (isContainerName(key)) return isContainer(labels[key] ?? name, value);
  return labels[key] === value;
}

/** Whether the label is compared as plain text; a container's name is then also compared with its name. */
export function isComparedAsText(key: string, value: string): boolean {
  if (key === HOST_NAME_LABEL || key === HOST_EXPRESSION_LABEL) return false;
  return !isContainerName(key) || PLAIN_NAME.test(value);
}

/** The length, in characters, of a value that is evaluated again for each container: of expressions and of lists. */
export function costOf(key: string, value: string): { readonly expression: number; readonly list: number } {
  const { length } = value;
  if (key === HOST_EXPRESSION_LABEL || (isContainerName(key) && isNameExpression(value)))
    return { expression: length, list: 0 };
  return { expression: 0, list: isComparedAsText(key, value) ? 0 : length };
}

/** Says what is wrong with the value that a selector asks for, or undefined when it is good. */
export function checkSelectorLabel(key: string, value: string): string | undefined {
  const isExpression = key === HOST_EXPRESSION_LABEL || (isContainerName(key) && isNameExpression(value));
  if (!isExpression) return undefined;
  try {
    new NameExpression(value);
    return undefined;
  } catch (error) {
    return `must be a regular expression over names: it ${(error as Error).message}`;
  }
}

function isContainerName(key: string): boolean {
  return (CONTAINER_NAME_LABELS as readonly string[]).includes(key);
}

function isHost(name: string | undefined, value: string): boolean {
  if (name === undefined) return false;
  return value === '*' || namesIn(value).includes(name);
}

/** An empty value, or list, is every container: a selector in Kubernetes names the pod by its other labels. */
function isContainer(name: string | undefined, value: string): boolean {
  const list = listIn(value);
  if (list !== undefined && list.length === 0) return true;
  if (name === undefined) return false;
  if (list !== undefined) return list.includes(name);
  return name === value || (isNameExpression(value) && isFound(value, name));
}

/** `[c1, c2]` is a list, nothing at all an empty one; undefined for what is none. */
function listIn(value: string): string[] | undefined {
  const text = value.trim();
  if (text === '') return [];
  // With something behind the first `]` it is an expression.
  const [, inside] = /^\[([^[\]]*)\]$/u.exec(text) ?? [];
  return inside === undefined ? undefined : namesIn(inside);
}

function namesIn(text: string): string[] {
  return text
    .split(',')
    .map((name) => name.trim().replace(/^(["'])(.*)\1$/u, '$2'))
    .filter((name) => name !== '');
}

/** Names of containers have no other characters. */
const PLAIN_NAME = /^[\w.-]+$/u;

function isNameExpression(value: string): boolean {
  return listIn(value) === undefined && !PLAIN_NAME.test(value);
}

function isFound(expression: string, name: string | undefined): boolean {
  if (name === undefined) return false;
  try {
    return expressionOf(expression).matchesIn(name);
  } catch {
    // Refused where a policy is read; one that an older version has stored reaches nobody.
    return false;
  }
}

const expressions = new Map<string, NameExpression>();
const CACHED_EXPRESSIONS_MAX = 1000;

function expressionOf(text: string): NameExpression {
  const expression = expressions.get(text) ?? new NameExpression(text);
  if (expressions.size >= CACHED_EXPRESSIONS_MAX) expressions.clear();
  expressions.set(text, expression);
  return expression;
}
