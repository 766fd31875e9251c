import { type Context, type Link, type SpanKind, TraceFlags, trace } from '@opentelemetry/api';
import type { Sampler, SamplingResult } from '@opentelemetry/sdk-trace';
import type { Clock } from '../clock.ts';

// The values of SamplingDecision, whose module is loaded only when traces are on.
const decisions = { drop: 0, sample: 2 } as const;
const traceIdBits = 0xffff_ffff;

/** What of the traces is kept. */
export interface SamplerOptions {
  /** The share of calls that bring no trace, from 0 to 1. */
  readonly share: number;
  /** How many calls a second are traced at most because their caller asks. Infinity: all. */
  readonly callerRate: number;
  readonly clock: Clock;
}

/**
 * Decides which calls are traced. One that brings no trace: a share of them, at random. One that
 * brings a trace: as its caller decided, but at most so many a second, so that nobody outside can
 * have all calls traced. The share is not asked then, for the caller chose the id it is drawn
 * from. Spans within a call follow the call's own.
 */
export function createSampler({ share, callerRate, clock }: SamplerOptions): Sampler {
  const mayFollow = createTokens(callerRate, clock);
  const decide = (context: Context, traceId: string): boolean => {
    const parent = trace.getSpanContext(context);
    if (parent === undefined) return draw(traceId) < share;
    const asked = (parent.traceFlags & TraceFlags.SAMPLED) !== 0;
    return asked && (parent.isRemote !== true || mayFollow());
  };
  return {
    shouldSample: (
      context: Context,
      traceId: string,
      _name: string,
      _kind: SpanKind,
      _attributes: object,
      _links: Link[],
    ): SamplingResult => ({
      decision: decide(context, traceId) ? decisions.sample : decisions.drop,
    }),
    toString: () => `share ${share}, callers ${callerRate}/s`,
  };
}

/** A number in [0, 1) from the random end of an id of our own. */
function draw(traceId: string): number {
  return Number.parseInt(traceId.slice(-8), 16) / (traceIdBits + 1);
}

/** A bucket of tokens that holds those of one second. */
function createTokens(perSecond: number, clock: Clock): () => boolean {
  let tokens = perSecond;
  let filledMs = clock.monotonicMs();
  return () => {
    if (perSecond === Number.POSITIVE_INFINITY) return true;
    const nowMs = clock.monotonicMs();
    tokens = Math.min(perSecond, tokens + ((nowMs - filledMs) / 1000) * perSecond);
    filledMs = nowMs;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}
