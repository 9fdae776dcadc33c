import { type Event, Result } from '../generated/hauberk/v1/event.js';

/** One event to export, or a note of events that are gone. */
export interface ExportedLine {
  /** JSON in one line, without its end. */
  readonly text: string;
  /** Undefined for a note. */
  readonly event?: Event;
}

export interface ExportLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** What was refused or is missing is a warning, the rest a notice. */
export const isWarning = (event: Event | undefined): boolean => event?.result !== Result.PASSED;

/** Where events are exported to. */
export interface Sink {
  /** How many events it has refused for good since the start; absent where it takes all. */
  readonly refused?: number;
  /** Writes all of them. @throws Error with the cause if it could not; then all of them are sent again */
  write(lines: readonly ExportedLine[]): Promise<void>;
  /** A write under way may still succeed. */
  close(): void;
}
