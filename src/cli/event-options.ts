import { type Command, InvalidArgumentError, Option } from 'commander';
import { AccessClass, Action, type Event, type EventFilter, type ReceivedEvents, Result } from '../client/messages.js';
import { printable, printableJson } from '../printable.js';
import { CommandFailure, EXIT } from './exit-status.js';
import { coloured } from './output.js';
import { terminal } from './terminal.js';
import { decidingPolicyText, eventView, nameOf, timeText } from './views.js';

/** Flags of every command that shows events. */
export interface EventOptions {
  readonly container?: string[];
  readonly namespace?: string[];
  readonly policy?: string[];
  readonly class?: string[];
  readonly action?: string[];
  readonly result?: string[];
  readonly severity?: string;
  readonly label?: Record<string, string>;
  readonly object?: string;
  readonly output: 'text' | 'json';
}

const CLASSES = Object.keys(AccessClass)
  .filter((name) => /^(?!UNRECOGNIZED|UNSPECIFIED)[A-Z_]+$/u.test(name))
  .map((name) => name.toLowerCase());

/** Adds the flags that choose events, and the form they are shown in. */
export function addEventOptions(command: Command): Command {
  const choice = (flags: string, help: string, choices: string[]) => new Option(flags, help).choices(choices);
  return command
    .option('--container <container...>', 'only containers with these names')
    .option('--namespace <namespace...>', 'only containers in these namespaces')
    .option(
      '--policy <policy...>',
      'by these policies: name or namespace/name, with the origin before it as in cli:web',
    )
    .addOption(choice('--class <class...>', 'of these classes', CLASSES))
    .addOption(choice('--action <action...>', 'with these actions', ['allow', 'audit', 'block']))
    .addOption(choice('--result <result...>', 'with these results', ['denied', 'passed']))
    .option('--severity <number>', 'at least as severe as this')
    .option('--label <key=value>', 'only containers with this label; may be repeated', addLabel)
    .option('--object <pattern>', 'only objects that match this pattern: * ** ? […] {a,b}')
    .addOption(choice('-o, --output <format>', 'text, or json: one object per line', ['text', 'json']).default('text'));
}

/** The filter from the flags. */
export function filterOf(options: EventOptions): EventFilter {
  const numbers = (names: readonly string[] | undefined, of: object) =>
    (names ?? []).map((name) => (of as Record<string, number>)[name.toUpperCase()]!);
  const severity = options.severity === undefined ? 0 : Number(options.severity);
  if (!Number.isInteger(severity)) throw new CommandFailure(EXIT.usage, '--severity: must be a whole number');
  return {
    containerNames: options.container ?? [],
    namespaces: options.namespace ?? [],
    policies: options.policy ?? [],
    classes: numbers(options.class, AccessClass),
    actions: numbers(options.action, Action),
    results: numbers(options.result, Result),
    minimumSeverity: severity,
    labels: options.label ?? {},
    objectPattern: options.object ?? '',
  };
}

/** Takes a flag `key=value` that may be repeated. */
export function addLabel(text: string, labels: Record<string, string> = {}): Record<string, string> {
  const [, key, value] = /^([^=]+)=(.*)$/su.exec(text) ?? [];
  if (key === undefined) throw new InvalidArgumentError('must be of the form key=value');
  return { ...labels, [key]: value! };
}

/** One event, without the end of its line. */
export function eventText(event: Event, output: EventOptions['output']): string {
  return output === 'json' ? printableJson(eventView(event)) : line(event);
}

/** Prints what a stream has delivered. */
export function show(
  { events, missed, gone, restarted, missedTelemetry }: ReceivedEvents,
  output: EventOptions['output'],
): void {
  if (restarted) note('the event numbering started again: some events in between may be lost');
  if (missed > 0) note(`${missed} events were missed${gone.map(rangeText).join(',')}`);
  if (missedTelemetry > 0) note(`${missedTelemetry} accesses that were let through were missed`);
  for (const event of events) terminal().out(`${eventText(event, output)}\n`);
}

function rangeText({ first, last }: { readonly first: bigint; readonly last: bigint }): string {
  return first === last ? `: number ${first}` : `: numbers ${first} to ${last}`;
}

/** One event for people, the most important part first. */
function line(event: Event): string {
  const time = timeText(event.time).slice(11, 23);
  const container = printable(event.containerName || event.containerId || '(unknown container)');
  if (event.suppressed > 0n)
    return `${time} ${coloured('yellow', 'SUPPRESSED')} ${container} ${event.suppressed} events`;
  if (event.lost > 0n)
    return `${time} ${coloured('yellow', 'DROPPED')} ${event.lost} records that were not read in time`;
  if (event.class === AccessClass.UNSPECIFIED) {
    const what = event.policy === 'PolicyOverride' ? 'OVERRIDE' : 'SILENT';
    return `${time} ${coloured('yellow', what)} ${container} ${printable(event.message)}`;
  }
  if (event.count > 0n) return telemetryLine(event, `${time} ${coloured('green', 'ALLOWED')} ${container}`);
  const result = event.wouldBlock ? 'WOULD BLOCK' : nameOf(Result, event.result);
  const shown = coloured(event.result === Result.DENIED ? 'red' : 'yellow', result);
  const owners = event.ownerRule === '' ? '' : `, only owners by ${event.ownerRule}`;
  const override = event.policyOverride === '' ? '' : `, ${printable(event.policyOverride)}`;
  const rule = ruleText(event) + owners + override;
  const who = `pid ${event.pid} uid ${event.uid} parent ${event.parentProgram || '-'}`;
  const why = coloured('dim', `[${rule}] severity ${event.severity} ${who}`);
  const what = printable(`${event.program} ${event.operation} ${event.object}`);
  return `${time} ${shown} ${container} ${what} ${why}`;
}

/** An allowed access. */
function telemetryLine(event: Event, start: string): string {
  const operations =
    event.operation === 'open' && event.operations.length > 0 ? ` (${event.operations.join(', ')})` : '';
  const what = printable(`${event.program} ${event.operation} ${event.object}${operations}`);
  const who = `pid ${event.pid} uid ${event.uid} parent ${printable(event.parentProgram || '-')}`;
  const rule = event.policy === '' ? '' : `[${ruleText(event)}] `;
  return `${start} ${what} ${event.count} times ${coloured('dim', `${rule}${who}`)}`;
}

function ruleText({ policyOrigin, policyNamespace, policy, rule }: Event): string {
  return `${decidingPolicyText(policyOrigin, policyNamespace, policy)} ${rule}`.trimEnd();
}

/** Prints what is not an event on standard error. */
export function note(text: string): void {
  terminal().err(`hauberk: ${printable(text)}\n`);
}
