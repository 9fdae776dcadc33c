import { readFileSync } from 'node:fs';

const PATH = '/etc/hauberk/hook.conf';

/** The configuration of the runtimes' hook, as far as the daemon has to know it. */
export interface HookConfig {
  readonly whenUnanswered: 'refuse' | 'allow';
  /** Exact, or with `*` at the end. */
  readonly exemptNamespaces: readonly string[];
  readonly exemptNames: readonly string[];
  readonly exemptImages: readonly string[];
}

/** Without descriptors or memory the file cannot be read just when nothing can be protected either. */
const UNREADABLE: HookConfig = { whenUnanswered: 'refuse', exemptNamespaces: [], exemptNames: [], exemptImages: [] };

/**
 * Reads the hook's configuration; undefined where there is none, so that no hook is installed. Where it cannot be read every
 * start is refused, as by the hook itself.
 *
 * @param hostRoot where the host's files are seen: empty, or `/proc/1/root` from inside a container
 */
export function readHookConfig(hostRoot: string): HookConfig | undefined {
  let text: string;
  try {
    text = readFileSync(`${hostRoot}${PATH}`, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : UNREADABLE;
  }
  const settings = text.split('\n').flatMap((line) => {
    const [, key, value] = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/u.exec(line) ?? [];
    return key === undefined || value === undefined ? [] : [{ key, value }];
  });
  const valuesOf = (wanted: string) => settings.filter(({ key }) => key === wanted).map(({ value }) => value);
  return {
    // Like the hook, which refuses by default.
    whenUnanswered: valuesOf('when_unanswered').at(-1) === 'allow' ? 'allow' : 'refuse',
    exemptNamespaces: valuesOf('exempt_namespace'),
    exemptNames: valuesOf('exempt_name'),
    exemptImages: valuesOf('exempt_image'),
  };
}

/**
 * Whether a container may start although it is not protected.
 *
 * @param image as the pod's specification names it; undefined or empty where it is not known
 */
export function isExempt(
  { exemptNamespaces, exemptNames, exemptImages }: HookConfig,
  {
    namespace,
    name,
    image,
  }: { readonly namespace: string; readonly name: string; readonly image?: string | undefined },
): boolean {
  return (
    exemptNamespaces.some((pattern) => matches(pattern, namespace)) ||
    exemptNames.some((pattern) => matches(pattern, name)) ||
    exemptImages.some((pattern) => image !== undefined && image !== '' && matches(pattern, image))
  );
}

function matches(pattern: string, text: string): boolean {
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern;
}
