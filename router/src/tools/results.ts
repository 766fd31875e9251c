import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { refuse, WeirError } from '@weir/kit';
import type { Verdict } from '@weir/policy';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { OperationResult } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { type ToolResult, ToolResultSchema } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { createCall, type Stopped } from '../call.ts';
import type { CacheSpace } from '../gather/cache-space.ts';
import { admit, type CacheEntry, itemOf } from '../gather/entry.ts';
import { MAX_PAYLOAD_BYTES } from '../gather/land.ts';
import type { Redacting, Redaction } from '../redactions.ts';
import type { Going, ToolAsked } from './call.ts';
import type { ToolOffer } from './tool-offers.ts';
import type { ToolDeps } from './tools.ts';

/** What a provider returned. */
export interface Result {
  readonly entry: CacheEntry;
  readonly isError: boolean;
}

/** Where the result of a call is kept. */
export interface Place {
  readonly space: CacheSpace;
  readonly key: string;
}

/**
 * The place of a call's result; undefined: it is nobody else's. What came of the answers of a caller
 * is that caller's.
 */
export function placeOf(
  { memory }: Pick<ToolDeps, 'memory'>,
  { result }: ToolOffer,
  { asked, request, parsed }: Going,
): Place | undefined {
  const isAnswering = request.state.length > 0 || request.answers.length > 0;
  if (result.scope === 'none' || isAnswering) return undefined;
  const hashed = createHash('sha256').update(parsed.bytes).digest('base64url');
  // A group that keeps results for another time has its own.
  return { space: memory.spaceOf(asked.caller, result), key: `${result.ttlMs} ${hashed}` };
}

/** What is kept there and still true. */
export function keptAt(
  { memory, clock }: Pick<ToolDeps, 'memory' | 'clock'>,
  { space, key }: Place,
): Result | undefined {
  const entry = memory.get(space, key);
  if (!entry || clock.monotonicMs() - entry.confirmedAtMs >= entry.ttlMs) return undefined;
  return { entry, isError: false };
}

/** Takes in what came, and keeps it where that is allowed. */
export function arrived(
  { memory, clock }: Pick<ToolDeps, 'memory' | 'clock'>,
  { content, isError }: OperationResult,
  { offer, place }: { readonly offer: ToolOffer; readonly place: Place | undefined },
): Result {
  const { provider } = offer;
  if (!content) throw refuse(Reason.PROVIDER_GARBAGE, `provider ${provider.name} sent no content`);
  const bytes = content.payload.length;
  if (bytes > MAX_PAYLOAD_BYTES) {
    const text = `the result has ${bytes} bytes; at most ${MAX_PAYLOAD_BYTES} can be carried`;
    throw refuse(Reason.ITEM_TOO_LARGE, text);
  }
  const at = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
  const entry = admit(content, offer.result, at);
  if (place && !isError && entry.ttlMs > 0) memory.set(place.space, place.key, entry);
  return { entry, isError };
}

/** A result as obligations let it be given out, and what was hidden of it. */
export async function given(
  deps: Pick<ToolDeps, 'clock' | 'redactions'>,
  { entry, isError }: Result,
  of: { readonly offer: ToolOffer; readonly asked: ToolAsked; readonly verdict: Verdict },
): Promise<{ readonly result: ToolResult; readonly redactions: readonly string[] }> {
  const { offer, asked, verdict } = of;
  const { obligations } = verdict;
  const how = { obligations, offer: offer.result, tenant: asked.caller.tenant };
  const made = obligations.changesValues
    ? await redacted(deps, entry, how, asked)
    : unchanged(entry);
  const { body, contentType, asOf, sensitivity } = itemOf(made.entry);
  const leftMs = entry.confirmedAtMs + entry.ttlMs - deps.clock.monotonicMs();
  const result = create(ToolResultSchema, {
    payload: body.case === 'payload' ? body.value : new Uint8Array(),
    ...{ contentType, isError, sensitivity },
    ...(leftMs > 0 && { ttl: durationFromMs(Math.floor(leftMs)) }),
    isShared: offer.result.scope === 'tenant' && !obligations.changesValues,
    asOf: asOf ?? timestampFromMs(deps.clock.wallMs()),
    redacted: made.redactions.length > 0,
  });
  return { result, redactions: made.redactions };
}

function unchanged(entry: CacheEntry): Redaction {
  return { entry, redactions: [] };
}

async function redacted(
  { redactions, clock }: Pick<ToolDeps, 'clock' | 'redactions'>,
  entry: CacheEntry,
  how: Redacting,
  { caller, signal, timeoutMs }: ToolAsked,
): Promise<Redaction> {
  using call = createCall({ caller, signal }, { clock, timeoutMs, itemTimeoutMs: undefined });
  const made = await redactions.of(entry, how, () => call.stopped());
  if (typeof made === 'object' && !(made instanceof WeirError)) return made;
  throw made instanceof WeirError ? made : refuse(...whyNot(made));
}

function whyNot(made: Stopped | 'refused' | 'lost'): [Reason, string] {
  if (made === 'late') return [Reason.DEADLINE_EXCEEDED, 'the time for the call ran out'];
  if (made === 'gone') return [Reason.CANCELLED, 'the caller has gone'];
  const text = 'the policy has parts of this result hidden, and its form does not allow that';
  return [Reason.NOT_REDACTABLE, text];
}
