import { type Event, Result } from './generated/hauberk/v1/event.js';
import { AccessClass, Action, PolicyOrigin } from './generated/hauberk/v1/policy.js';

/** RFC 3339, to the nanosecond; empty where there is none. */
export function timeText(time: { seconds: bigint; nanos: number } | undefined): string {
  if (time === undefined) return '';
  const whole = new Date(Number(time.seconds) * 1000).toISOString();
  return whole.replace(/\.\d+Z$/u, `.${String(time.nanos).padStart(9, '0')}Z`);
}

/** The name of a number of an enumeration; empty where it is unspecified. */
export function nameOf(names: Readonly<Record<number, string>>, value: number): string {
  const name = names[value] ?? String(value);
  return name === 'UNSPECIFIED' ? '' : name;
}

/** An event as a plain value, for JSON: enumerations by their names, its time as a text. */
export function eventView(event: Event) {
  return {
    ...event,
    time: timeText(event.time),
    policyOrigin: nameOf(PolicyOrigin, event.policyOrigin),
    class: nameOf(AccessClass, event.class),
    action: nameOf(Action, event.action),
    result: nameOf(Result, event.result),
    suppressed: Number(event.suppressed),
    sequence: Number(event.sequence),
    lost: Number(event.lost),
    count: Number(event.count),
  };
}
