import { isSpanContextValid, trace } from '@opentelemetry/api';
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import { scrubSecrets } from './scrub.ts';

export type { Logger } from 'pino';

/** How to log. */
export interface LoggerOptions {
  /** The least level that is written: trace, debug, info, warn, error, fatal or silent. */
  readonly level: string;
  /** Where to: standard output (default) or a file, whose folder is created. */
  readonly destination?: 'stdout' | { readonly file: string } | undefined;
  /** The name of the process, in every line. */
  readonly name: string;
}

const secretNames = ['authorization', 'cookie', 'password', 'secret', 'token', 'apiKey'];

/**
 * Creates a logger that writes JSON lines and never a credential: what has the name of one, and
 * what has the form of one wherever it stands (see `scrubSecrets`). Lines of a call that is traced
 * carry `trace_id` and `span_id`.
 */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      name: options.name,
      level: options.level,
      timestamp: stdTimeFunctions.isoTime,
      mixin: traceOfCall,
      redact: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      // The whole line: a secret may stand in a message or in the stack of an error.
      hooks: { streamWrite: scrubSecrets },
    },
    openDestination(options.destination ?? 'stdout'),
  );
}

function traceOfCall(): Record<string, string> {
  const span = trace.getActiveSpan()?.spanContext();
  if (span === undefined || !isSpanContextValid(span)) return {};
  return { trace_id: span.traceId, span_id: span.spanId };
}

/** Written at once, so that the line before a crash is there. */
function openDestination(where: 'stdout' | { readonly file: string }): DestinationStream {
  if (where === 'stdout') return destination({ dest: 1, sync: true });
  return destination({ dest: where.file, mkdir: true, append: true, sync: true });
}
