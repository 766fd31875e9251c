import { context, propagation } from '@opentelemetry/api';

/**
 * Puts the trace that is under way into the headers of a call, in the form that the process's
 * OpenTelemetry is set up for. Without one nothing is added.
 */
export function withTrace(headers: Headers): Headers {
  propagation.inject(context.active(), headers, {
    set: (carrier, name, value) => carrier.set(name, value),
  });
  return headers;
}
