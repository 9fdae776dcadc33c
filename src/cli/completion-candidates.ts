import type { Argument, Command, Option } from 'commander';
import type { HauberkClient } from '../client/messages.js';
import { withClient } from './connection.js';

/** A possible completion, and its description. */
export interface Candidate {
  readonly word: string;
  readonly help: string;
}

/** A short limit for the daemon, since the user's shell is blocked meanwhile. */
const TIMEOUT_SECONDS = '2';

/**
 * The completions at the cursor. Empty for what only the shell knows, such as names of files.
 *
 * @param words all of the line behind the command's name; the last one is being written, and may be empty
 */
export async function candidatesFor(program: Command, words: readonly string[]): Promise<Candidate[]> {
  const last = words.at(-1) ?? '';
  // Bash hands `--flag=value` over as three words.
  const started = last === '=' ? '' : last;
  const before = words.slice(0, -1).filter((word) => word !== '=');
  const { command, pending, positions } = follow(program, before);
  const [, flag, written] = /^(--[^=]+)=(.*)$/su.exec(started) ?? [];
  if (flag !== undefined) {
    const option = optionOf(command, flag);
    const found = option === undefined ? [] : await valuesOf(option, command);
    return matching(found, written!).map(({ word, help }) => ({ word: `${flag}=${word}`, help }));
  }
  if (pending !== undefined && !(pending.variadic && started.startsWith('-')))
    return matching(await valuesOf(pending, command), started);
  if (started.startsWith('-')) return matching(flagsOf(command), started);
  const argument =
    command.registeredArguments[positions] ?? command.registeredArguments.findLast(({ variadic }) => variadic);
  return matching(
    [...commandsOf(command), ...(argument === undefined ? [] : await valuesOf(argument, command))],
    started,
  );
}

interface Place {
  readonly command: Command;
  /** The option whose value comes next. */
  readonly pending: Option | undefined;
  /** Arguments that are there already. */
  readonly positions: number;
}

function follow(program: Command, words: readonly string[]): Place {
  let command = program;
  let pending: Option | undefined;
  let positions = 0;
  for (const word of words) {
    if (pending !== undefined && !(pending.variadic && word.startsWith('-'))) {
      rootOf(command).setOptionValue(pending.attributeName(), word);
      if (!pending.variadic) pending = undefined;
      continue;
    }
    pending = undefined;
    if (word.startsWith('-')) {
      const [, flag = word, value] = /^(--[^=]+)=(.*)$/su.exec(word) ?? [];
      const option = optionOf(command, flag);
      if (option !== undefined && value !== undefined) rootOf(command).setOptionValue(option.attributeName(), value);
      pending = value === undefined && option?.required ? option : undefined;
      continue;
    }
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) positions++;
    else {
      command = next;
      positions = 0;
    }
  }
  return { command, pending, positions };
}

function optionsOf(command: Command): Option[] {
  const root = rootOf(command);
  return [...command.options, ...(root === command ? [] : root.options)];
}

function optionOf(command: Command, flag: string): Option | undefined {
  return optionsOf(command).find(({ long, short }) => flag === long || flag === short);
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}

function commandsOf(command: Command): Candidate[] {
  // Only the help shows which of them are hidden.
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== 'help')
    .map((each) => ({ word: each.name(), help: each.description() }));
}

function flagsOf(command: Command): Candidate[] {
  const own = optionsOf(command).map(({ long, description }) => ({ word: long!, help: description }));
  return [...own, { word: '--help', help: 'what the command does' }];
}

function matching(candidates: readonly Candidate[], started: string): Candidate[] {
  return candidates.filter(({ word }) => word.startsWith(started));
}

/** The placeholder of a value in the help determines what is listed. */
async function valuesOf(wanted: Option | Argument, command: Command): Promise<Candidate[]> {
  if (wanted.argChoices !== undefined) return wanted.argChoices.map((word) => ({ word, help: '' }));
  const name = 'flags' in wanted ? /[<[]([^>\]]+)[>\]]/u.exec(wanted.flags)?.[1] : wanted.name();
  const query = QUERIES[(name ?? '').replace(/\.\.\.$/u, '')];
  if (query === undefined) return [];
  rootOf(command).setOptionValue('timeout', TIMEOUT_SECONDS);
  const namespace = rootOf(command).getOptionValue('namespace') ?? '';
  return withClient(command, (client) => query(client, namespace)).catch(() => []);
}

type Query = (client: HauberkClient, namespace: string) => Promise<Candidate[]>;

const QUERIES: Readonly<Record<string, Query | undefined>> = {
  container: async (client) => {
    const { containers } = await client.containers.listContainers();
    return containers.map(({ id, name, namespace }) => ({ word: name || id, help: `${namespace} ${id.slice(0, 12)}` }));
  },
  policy: async (client, namespace) => {
    const { policies } = await client.policies.listPolicies({ namespace });
    return policies.map(({ name, namespace: of }) => ({ word: name, help: of }));
  },
  profile: async (client) => {
    const { profiles } = await client.profiles.listProfiles();
    return profiles.map(({ name, stopped }) => ({ word: name, help: stopped === undefined ? 'running' : 'stopped' }));
  },
  namespace: async (client) => {
    const [{ policies }, { containers }, { namespaces }] = await Promise.all([
      client.policies.listPolicies(),
      client.containers.listContainers(),
      client.policies.listPostures(),
    ]);
    const names = new Set([...policies, ...containers, ...namespaces].map(({ namespace }) => namespace));
    names.delete('');
    return [...names].sort().map((word) => ({ word, help: '' }));
  },
};
