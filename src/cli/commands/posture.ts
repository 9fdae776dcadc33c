import { type Command, Option } from 'commander';
import { Action, type Posture } from '../../client/index.js';
import { POSTURE_CLASSES, type PostureClass } from '../../policy/model.js';
import { CLASSES } from '../../rpc/names.js';
import { withClient } from '../connection.js';
import { CommandFailure, EXIT } from '../exit-status.js';

type Choice = 'audit' | 'block' | 'default';
type Options = Readonly<Partial<Record<PostureClass, Choice>>>;

const ACTIONS = { audit: Action.AUDIT, block: Action.BLOCK } as const;

/** Sets postures of one namespace; `hauberk get postures` shows those of all. */
export function addPosture(program: Command): void {
  const posture = program
    .command('posture')
    .description('set what happens to accesses no rule names, in one namespace; what is not named stays as it is')
    .argument('<namespace>');
  for (const name of POSTURE_CLASSES) {
    const help = `of ${name === 'process' ? 'programs' : name === 'file' ? 'files' : name === 'network' ? 'sockets' : name}: audit, block, or default for hauberkd's own`;
    posture.addOption(new Option(`--${name} <posture>`, help).choices(['audit', 'block', 'default']));
  }
  posture.action(async (namespace: string, options: Options, command: Command) => {
    const chosen = POSTURE_CLASSES.filter((name) => options[name] !== undefined);
    if (chosen.length === 0) {
      const flags = POSTURE_CLASSES.map((name) => `--${name}`).join(', ');
      throw new CommandFailure(EXIT.usage, `say which posture is to change: ${flags}`);
    }
    await withClient(command, async (client) => {
      const { namespaces } = await client.policies.listPostures();
      const own = namespaces.find((each) => each.namespace === namespace)?.postures ?? [];
      const kept = own.filter((each) => !chosen.some((name) => CLASSES[name] === each.class));
      const changed = chosen.flatMap((name): Posture[] => {
        const choice = options[name]!;
        return choice === 'default' ? [] : [{ class: CLASSES[name], action: ACTIONS[choice] }];
      });
      await client.policies.setPosture({ namespace, postures: [...kept, ...changed] });
      const said = chosen.map((name) => `${name} ${options[name]}`).join(', ');
      process.stdout.write(`posture of ${namespace}: ${said}\n`);
    });
  });
}
