import type { DescService } from '@bufbuild/protobuf';
import type { HttpRequest } from './http.ts';
import type { ServeLimits } from './limits.ts';

/** The longest that a timer can wait, 24 days; a longer one would go off at once. */
const timerMaxMs = 2 ** 31 - 1;

const grpcUnitsMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** Gives a request a deadline within the limits. */
export type Deadlines = (request: Pick<HttpRequest, 'url' | 'headers'>) => void;

/**
 * Creates a function that gives every unary call a deadline within the limits, by writing the
 * protocol's own timeout header, so that handlers, signals and timeoutMs() all agree on it.
 * Streams keep the deadline that they bring, up to what a timer can hold, or none. A malformed
 * header is left to the protocol.
 */
export function createDeadlines(
  services: readonly DescService[],
  limits: Pick<ServeLimits, 'defaultTimeoutMs' | 'maxTimeoutMs'>,
): Deadlines {
  const unaryPaths = new Set(services.flatMap(unaryPathsOf));
  return (request) => {
    const unary = unaryPaths.has(request.url?.split('?', 1)[0] ?? '');
    const maxMs = unary ? limits.maxTimeoutMs : timerMaxMs;
    const { headers } = request;
    const grpc = headers['content-type']?.startsWith('application/grpc') === true;
    const name = grpc ? 'grpc-timeout' : 'connect-timeout-ms';
    const given = headers[name];
    const givenMs = typeof given === 'string' ? timeoutOf(given, grpc) : undefined;
    if (given !== undefined && !(givenMs !== undefined && givenMs > maxMs)) return;
    if (given === undefined && !unary) return;
    const timeoutMs = given === undefined ? limits.defaultTimeoutMs : maxMs;
    headers[name] = grpc ? grpcTimeout(timeoutMs) : String(timeoutMs);
  };
}

/** A timeout of gRPC has at most eight digits. */
export function grpcTimeout(ms: number): string {
  return ms < 1e8 ? `${ms}m` : `${Math.floor(ms / 1000)}S`;
}

function unaryPathsOf(service: DescService): string[] {
  return service.methods
    .filter((method) => method.methodKind === 'unary')
    .map((method) => `/${service.typeName}/${method.name}`);
}

/** The time that a header gives, in milliseconds; undefined: it is malformed. */
export function timeoutOf(value: string, grpc: boolean): number | undefined {
  if (!grpc) return /^\d{1,10}$/.test(value) ? Number(value) : undefined;
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(value) ?? [];
  return unit === undefined ? undefined : Number(digits) * (grpcUnitsMs[unit] ?? Number.NaN);
}
