import { type Attributes, type LogRecord, SeverityNumber } from '@opentelemetry/api';
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http';
import {
  type IExportLogsServiceResponse,
  LogsExporterMetricsHelper,
  ProtobufLogsSerializer,
} from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, type ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { type Event, Result } from '../generated/hauberk/v1/event.js';
import { VERSION } from '../version.js';
import { type ExportedLine, type ExportLogger, isWarning, type Sink } from './sink.js';

const PATH = 'v1/logs';
/** For one batch; the exporter then sends it again. */
const TIMEOUT_MILLISECONDS = 5000;
const TOO_LARGE = 413;
/** For what is invalid; by OTLP it must not be sent again. */
const BAD_REQUEST = 400;
const SERVICE = 'hauberkd';

/** Where the events are from. */
export interface ExportingHost {
  readonly hostName: string;
  readonly machineId: string;
}

interface Refusal {
  readonly count: number;
  readonly cause: string;
}

/**
 * Events as OpenTelemetry's log records, by OTLP over HTTP (protobuf). A batch is written once the collector has
 * answered that it took it; what it refuses for good, one by one, as too large or as invalid, is counted.
 *
 * Headers, certificates and compression are set by OpenTelemetry's own environment variables, OTEL_EXPORTER_OTLP_*.
 */
export class OtlpSink implements Sink {
  refused = 0;
  readonly #delegate;
  readonly #logger;
  #emitted: ReadableLogRecord[] = [];
  /** Refused while a batch is written, which is written again as a whole if it fails. */
  #refusals: Refusal[] = [];

  /** @param url of the collector; `/v1/logs` is added to one without a path */
  constructor(
    readonly url: string,
    { hostName, machineId }: ExportingHost,
    readonly log: ExportLogger,
  ) {
    const options = convertLegacyHttpOptions(
      { url: logsUrl(url), timeoutMillis: TIMEOUT_MILLISECONDS, userAgent: `${SERVICE}/${VERSION}` },
      'LOGS',
      PATH,
      { 'Content-Type': 'application/x-protobuf' },
    );
    const serializer = {
      serializeRequest: ProtobufLogsSerializer.serializeRequest,
      deserializeResponse: (bytes: Uint8Array) => this.#count(ProtobufLogsSerializer.deserializeResponse(bytes)),
    };
    const type = 'otlp_http_log_exporter';
    this.#delegate = createOtlpHttpExportDelegate(options, serializer, type, LogsExporterMetricsHelper, undefined);
    const resource = resourceFromAttributes({
      'service.name': SERVICE,
      'service.version': VERSION,
      'host.name': hostName,
      'host.id': machineId,
    });
    const processor = {
      onEmit: (record: ReadableLogRecord) => void this.#emitted.push(record),
      forceFlush: async () => undefined,
      shutdown: async () => undefined,
    };
    this.#logger = new LoggerProvider({ resource, processors: [processor] }).getLogger('hauberk', VERSION);
  }

  async write(lines: readonly ExportedLine[]): Promise<void> {
    for (const line of lines) this.#logger.emit(recordOf(line));
    this.#refusals = [];
    await this.#send(this.#emitted.splice(0));
    for (const refusal of this.#refusals) this.#refuse(refusal);
  }

  close(): void {
    void this.#delegate.shutdown();
  }

  async #send(records: ReadableLogRecord[]): Promise<void> {
    const error = await this.#post(records);
    if (error === undefined) return;
    const { code, message } = error;
    // Not of HTTP: none answers.
    if (typeof code !== 'number') throw new Error(message);
    const answer = `the collector answers ${code} ${message}`;
    if (code !== TOO_LARGE && !(code === BAD_REQUEST && (await this.#takesRequests()))) throw new Error(answer);
    if (records.length === 1) {
      const cause = code === TOO_LARGE ? 'an event is too large for the collector' : `${answer} to an event`;
      this.#refusals.push({ count: 1, cause });
      return;
    }
    const half = Math.ceil(records.length / 2);
    await this.#send(records.slice(0, half));
    await this.#send(records.slice(half));
  }

  /** What is no collector, such as a port for TLS asked without, answers 400 to everything: then events wait. */
  async #takesRequests(): Promise<boolean> {
    return (await this.#post([])) === undefined;
  }

  #post(records: ReadableLogRecord[]): Promise<(Error & { code?: number | string }) | undefined> {
    return new Promise((resolve) => this.#delegate.export(records, (result) => resolve(result.error)));
  }

  #count(response: IExportLogsServiceResponse): IExportLogsServiceResponse {
    const { rejectedLogRecords = 0, errorMessage = '' } = response.partialSuccess ?? {};
    const count = Number(rejectedLogRecords);
    if (count > 0) this.#refusals.push({ count, cause: errorMessage });
    return response;
  }

  #refuse({ count, cause }: Refusal): void {
    if (this.refused === 0)
      this.log.warn({ export: this.url, count, cause }, 'the collector refuses events; they are counted from now on');
    this.refused += count;
  }
}

/** The form in which collectors are named: with a path it is used as it is. */
function logsUrl(text: string): string {
  const url = new URL(text);
  if (url.pathname === '/') url.pathname = PATH;
  return url.href;
}

function recordOf({ text, event }: ExportedLine): LogRecord {
  if (event === undefined) return { eventName: 'hauberk.gap', ...WARNING, body: text };
  const { seconds, nanos } = event.time!;
  return {
    eventName: 'hauberk.access',
    timestamp: [Number(seconds), nanos],
    ...(isWarning(event) ? WARNING : NOTICE),
    body: text,
    attributes: attributesOf(event),
  };
}

const WARNING = { severityNumber: SeverityNumber.WARN, severityText: 'WARN' };
const NOTICE = { severityNumber: SeverityNumber.INFO2, severityText: 'INFO2' };

/** What can be searched for, by OpenTelemetry's names where it has some; the body has everything. */
function attributesOf(event: Event): Attributes {
  const attributes: Attributes = {
    'hauberk.sequence': Number(event.sequence),
    'hauberk.namespace': event.namespace,
    'hauberk.policy': event.policy,
    'hauberk.rule': event.rule,
    'hauberk.severity': event.severity,
    'hauberk.operation': event.operation,
    'hauberk.object': event.object,
    'hauberk.denied': event.result === Result.DENIED,
    'container.id': event.containerId,
    'container.name': event.containerName,
    'container.image.name': event.image,
    'process.executable.path': event.program,
    'process.command_args': event.commandLine,
    'process.working_directory': event.workingDirectory,
    'process.pid': event.hostPid,
    'process.vpid': event.pid,
    'process.parent_pid': event.hostPpid,
    'user.id': String(event.uid),
  };
  const isKnown = (value: unknown) => value !== '' && !(Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => isKnown(value)));
}
