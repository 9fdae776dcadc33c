import type { Command } from 'commander';
import type { HauberkClient } from '../../client/messages.js';
import { labelsText, readLabels } from '../../policy/labels.js';
import { withClient } from '../connection.js';
import { CommandFailure, EXIT } from '../exit-status.js';
import { findContainer } from '../find-container.js';
import { withExamples } from '../help.js';
import { policySkeleton, type SkeletonSubject } from '../policy-skeleton.js';
import { terminal } from '../terminal.js';

interface Options {
  readonly name?: string;
  readonly namespace: string;
  readonly labels?: string;
}

/** A label that distinguishes one start of a container from another: policies should not depend on it. */
const PASSING_LABEL = /(?:^|[./-])(?:hash|uid|id|revision|restart-?count|pod-template-[a-z-]+|config-hash|version)$/u;

export function addPolicy(program: Command): void {
  const policy = withExamples(program.command('policy').description('write policies'), [
    ['hauberk policy init web >web.yaml', 'for the container web; refuses nothing before it is edited'],
  ]);
  withExamples(
    policy
      .command('init')
      .description('print a commented policy to start from, for a running container or for labels')
      .argument('[container]', 'its id, a prefix of its id, or its name')
      .option('--name <name>', "of the policy; the container's when left out")
      .option('--labels <labels>', "labels that it selects, as KEY=VALUE,… (default: the container's)")
      .option('-n, --namespace <namespace>', 'of the policy, where no container is named', 'default'),
    [
      ['hauberk policy init web >web.yaml', 'for the container web; refuses nothing before it is edited'],
      ['hauberk policy init --labels app=web -n shop', 'for containers that are not running yet; needs no daemon'],
    ],
  ).action(async (wanted: string | undefined, options: Options, command: Command) => {
    const subject =
      wanted === undefined
        ? subjectOf(options)
        : await withClient(command, (client) => subjectFor(wanted, options, client));
    terminal().out(policySkeleton(subject));
  });
}

function subjectOf({ name, labels, namespace }: Options): SkeletonSubject {
  if (labels === undefined) throw new CommandFailure(EXIT.usage, 'name a container, or labels with --labels');
  const read = readLabels(labels);
  return {
    name: name ?? nameFrom(Object.values(read)[0] ?? ''),
    namespace,
    labels: read,
    of: `containers with ${labels}`,
  };
}

async function subjectFor(wanted: string, options: Options, client: HauberkClient): Promise<SkeletonSubject> {
  const id = await findContainer(wanted, client);
  if (id === 'host')
    throw new CommandFailure(EXIT.usage, 'the host has no labels of a container; see KubeArmorHostPolicy');
  const { containers } = await client.containers.listContainers();
  const { name, namespace, labels: all } = containers.find((each) => each.id === id)!;
  const own = Object.fromEntries(Object.entries(all).filter(([key]) => !PASSING_LABEL.test(key)));
  const labels = options.labels === undefined ? own : readLabels(options.labels);
  const of = `container ${name || id.slice(0, 12)} (${labelsText(all) || 'without labels'})`;
  return { name: options.name ?? nameFrom(name || id.slice(0, 12)), namespace, labels, of };
}

/** A name that policies may have. */
function nameFrom(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/gu, '-')
    .replace(/^[.-]+|[.-]+$/gu, '');
  return name === '' ? 'my-policy' : name;
}
