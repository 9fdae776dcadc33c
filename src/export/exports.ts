import { join } from 'node:path';
import type { EventHub } from '../events/hub.js';
import { Exporter, type ExportLogger } from './exporter.js';
import { FileSink, type Rotation } from './file-sink.js';
import type { Sink } from './sink.js';
import { StdoutSink } from './stdout-sink.js';
import { JournaldSink, SyslogSink } from './syslog-sink.js';

const FILE = 'file:';

/**
 * Begins to export events.
 *
 * @param places as the flag --export has them: separated by commas, or `off`
 */
export function startExports(
  places: string,
  hub: EventHub,
  rotation: Rotation,
  stateDirectory: string,
  logger: ExportLogger,
): Exporter[] {
  return places
    .split(',')
    .filter((place) => place !== 'off')
    .map((place) => {
      const name = place.startsWith(FILE) ? `file-${encodeURIComponent(place.slice(FILE.length))}` : place;
      return new Exporter(place, hub, sinkFor(place, rotation), join(stateDirectory, `export-${name}.json`), logger);
    });
}

function sinkFor(place: string, rotation: Rotation): Sink {
  if (place.startsWith(FILE)) return new FileSink(place.slice(FILE.length), rotation);
  if (place === 'syslog') return new SyslogSink();
  return place === 'journald' ? new JournaldSink() : new StdoutSink();
}
