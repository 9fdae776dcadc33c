import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** A service of docker-compose.yml, with the settings that this project's services use. */
export interface ComposeService {
  readonly image: string;
  readonly restart: string;
  readonly network_mode: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly runtime?: string;
  readonly pid?: string;
  readonly command?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly read_only?: boolean;
  readonly tmpfs?: readonly string[];
  readonly ulimits?: Readonly<Record<string, number>>;
  readonly volumes: readonly string[];
}

export function composeServices(): Record<'hauberkd' | 'prometheus', ComposeService> {
  return parse(readFileSync('docker-compose.yml', 'utf8')).services;
}

/** The flags of `docker run` that are equivalent to the service. @throws Error for an unknown setting */
export function runFlags(service: ComposeService): string[] {
  const each = (flag: string, values: readonly string[] = []) => values.map((value) => `--${flag}=${value}`);
  const flags: Record<keyof ComposeService, () => string[]> = {
    build: () => [],
    image: () => [],
    command: () => [],
    // A container that fails is not restarted, so that it can be examined.
    restart: () => [],
    runtime: () => each('runtime', [service.runtime!]),
    pid: () => each('pid', [service.pid!]),
    network_mode: () => each('network', [service.network_mode]),
    cap_drop: () => each('cap-drop', service.cap_drop),
    cap_add: () => each('cap-add', service.cap_add),
    // Compose writes a colon where docker run takes an equals sign.
    security_opt: () =>
      each(
        'security-opt',
        service.security_opt?.map((option) => option.replace(':', '=')),
      ),
    read_only: () => each('read-only', [`${service.read_only}`]),
    tmpfs: () => each('tmpfs', service.tmpfs),
    ulimits: () =>
      each(
        'ulimit',
        Object.entries(service.ulimits!).map(([name, value]) => `${name}=${value}`),
      ),
    volumes: () => each('volume', service.volumes),
  };
  return Object.keys(service).flatMap((name) => {
    if (!Object.hasOwn(flags, name)) throw new Error(`docker-compose.yml: ${name} is not known here`);
    return flags[name as keyof ComposeService]();
  });
}

/** The last stage of the shipped Dockerfile. */
export function finalStage(): { base: string; entryPoint: string[]; text: string } {
  const stages = readFileSync('packaging/Dockerfile', 'utf8').split(/^(?=FROM )/m);
  const text = stages.at(-1)!;
  return {
    base: /^FROM (\S+)/.exec(text)![1]!,
    entryPoint: JSON.parse(/^ENTRYPOINT (.*)$/m.exec(text)![1]!),
    text,
  };
}
