import { join } from 'node:path';
import type { EventHub } from '../events/hub.js';
import { Exporter } from './exporter.js';
import { FileSink, type Rotation } from './file-sink.js';
import type { ExportingHost } from './otlp-sink.js';
import type { ExportLogger, Sink } from './sink.js';
import { StdoutSink } from './stdout-sink.js';
import { JournaldSink, SyslogSink } from './syslog-sink.js';

const FILE = 'file:';
const OTLP = 'otlp:';

export interface ExportOptions {
  readonly rotation: Rotation;
  readonly stateDirectory: string;
  readonly host: ExportingHost;
  readonly logger: ExportLogger;
}

/**
 * Begins to export events.
 *
 * @param places as the flag --export has them: separated by commas, or `off`
 */
export function startExports(places: string, hub: EventHub, options: ExportOptions): Promise<Exporter[]> {
  const { stateDirectory, logger } = options;
  return Promise.all(
    places
      .split(',')
      .filter((place) => place !== 'off')
      .map(async (place) => {
        const statePath = join(stateDirectory, `export-${fileNameOf(place)}.json`);
        return new Exporter(place, hub, await sinkFor(place, options), statePath, logger);
      }),
  );
}

function fileNameOf(place: string): string {
  const end = place.indexOf(':');
  return end < 0 ? place : `${place.slice(0, end)}-${encodeURIComponent(place.slice(end + 1))}`;
}

async function sinkFor(place: string, { rotation, host, logger }: ExportOptions): Promise<Sink> {
  if (place.startsWith(FILE)) return new FileSink(place.slice(FILE.length), rotation);
  if (place.startsWith(OTLP)) {
    // Imported only when needed.
    const { OtlpSink } = await import('./otlp-sink.js');
    return new OtlpSink(place.slice(OTLP.length), host, logger);
  }
  if (place === 'syslog') return new SyslogSink();
  return place === 'journald' ? new JournaldSink() : new StdoutSink();
}
