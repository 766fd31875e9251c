import { type Duration, durationMs } from '@bufbuild/protobuf/wkt';
import { keyFault, parseName, refuse, type WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { FetchContextRequest } from '@weir/sdk/gen/weir/router/v1/router_pb';
import semver from 'semver';

/** A ref, parsed: its key and range are well formed. */
export interface Ref {
  readonly type: string;
  readonly versionRange: string;
  readonly key: string;
  readonly provider: string;
}

/** A batch as it was sent. */
export interface AskedBatch
  extends Pick<FetchContextRequest, 'minQuality' | 'consistencyToken' | 'purpose'> {
  readonly refs: readonly Ref[];
  /** How many refs there are, when not all of them are in `refs`. */
  readonly refCount?: number;
  readonly itemTimeout?: Duration | undefined;
  readonly maxAge?: Duration | undefined;
}

/** A batch, parsed. */
export interface Batch {
  readonly refs: readonly Ref[];
  /** The time for each item; undefined: only the call's own. */
  readonly itemTimeoutMs: number | undefined;
  /** From 0 to 1. */
  readonly minQuality: number;
  /** Undefined: as the ttl says. */
  readonly maxAgeMs: number | undefined;
  readonly consistencyToken: string;
  /** What the call is for; empty: not stated. */
  readonly purpose: string;
}

/** The most refs in a batch. */
export const MAX_REFS_PER_BATCH = 256;
/** The longest name of a type or provider, in characters. */
export const MAX_NAME_LENGTH = 63;
const MAX_RANGE_LENGTH = 128;

/** Parses a batch, or throws an error that names every faulty place. */
export function parseBatch(request: AskedBatch): Batch {
  const { refCount = request.refs.length } = request;
  if (request.refs.length === 0) {
    throw refuse(Reason.BATCH_EMPTY, 'the batch holds no ref; give at least one');
  }
  if (refCount > MAX_REFS_PER_BATCH) {
    throw refuse(
      Reason.BATCH_TOO_LARGE,
      `the batch holds ${refCount} refs; at most ${MAX_REFS_PER_BATCH}: split it`,
    );
  }
  const { minQuality } = request;
  if (!(minQuality >= 0 && minQuality <= 1)) {
    throw refuse(Reason.MALFORMED_REQUEST, `min_quality is ${minQuality}; give 0 to 1`);
  }
  if (!request.refs.every(isFaultless)) throw faultyRefs(request.refs.flatMap(refFaults));
  return {
    refs: request.refs,
    itemTimeoutMs: positiveMs('item_timeout', request.itemTimeout),
    minQuality,
    maxAgeMs: positiveMs('max_age', request.maxAge),
    consistencyToken: request.consistencyToken,
    purpose: parsePurpose(request.purpose),
  };
}

/** What a call is for, as it is stated; empty when it is not. Throws INVALID_NAME. */
export function parsePurpose(purpose: string): string {
  return purpose === '' ? '' : parseName('purpose', purpose);
}

type RefFault = { reason: Reason; field: string; description: string };

function isFaultless({ type, versionRange, key, provider }: Ref): boolean {
  return (
    keyFault(key) === undefined &&
    type !== '' &&
    type.length <= MAX_NAME_LENGTH &&
    provider.length <= MAX_NAME_LENGTH &&
    (versionRange === '' || isRange(versionRange))
  );
}

function isRange(text: string): boolean {
  return text.length <= MAX_RANGE_LENGTH && semver.validRange(text) !== null;
}

function refFaults(ref: Ref, index: number): RefFault[] {
  const faults: RefFault[] = [];
  const add = (reason: Reason, field: string, description: string) =>
    faults.push({ reason, field: `refs[${index}].${field}`, description });
  const key = keyFault(ref.key);
  if (key !== undefined) add(Reason.INVALID_KEY, 'key', key);
  if (ref.type === '' || ref.type.length > MAX_NAME_LENGTH) {
    add(Reason.INVALID_NAME, 'type', `give the name of a type, of 1 to ${MAX_NAME_LENGTH} letters`);
  }
  if (ref.provider.length > MAX_NAME_LENGTH) {
    add(
      Reason.INVALID_NAME,
      'provider',
      `a provider's name has at most ${MAX_NAME_LENGTH} letters`,
    );
  }
  const range = ref.versionRange;
  if (range !== '' && !isRange(range)) {
    add(Reason.INVALID_VERSION, 'version_range', 'not a semver range; write one like "^1.2"');
  }
  return faults;
}

function faultyRefs(faults: readonly RefFault[]): WeirError {
  const first = faults[0];
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  return refuse(
    first?.reason ?? Reason.MALFORMED_REQUEST,
    `${first?.field}: ${first?.description}${more}`,
    { violations: faults.map(({ field, description }) => ({ field, description })) },
  );
}

function positiveMs(
  field: string,
  duration: Parameters<typeof durationMs>[0] | undefined,
): number | undefined {
  if (!duration) return undefined;
  const ms = durationMs(duration);
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw refuse(Reason.MALFORMED_REQUEST, `${field} is negative; give 0 or more, or leave it out`);
}
