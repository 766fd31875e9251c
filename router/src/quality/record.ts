import { Code } from '@connectrpc/connect';
import type { Clock } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { LRUCache } from 'lru-cache';
import type { Landed } from '../gather/land.ts';
import type { ProviderVersion } from '../snapshot/catalogue.ts';

/** How well providers answered of late, as this router saw it. */
export interface ProviderRecords {
  /** Remembers how an answer of a provider version was. */
  note(provider: ProviderVersion, landed: Landed): void;
  /** The share of its recent answers that were as they should be; 1 when nothing is known. */
  of(provider: ProviderVersion): number;
}

interface Standing {
  /** The share of bad answers, as of a time. */
  bad: number;
  atMs: number;
}

/** What one answer weighs: the last 50 make most of a record. */
const WEIGHT = 0.02;
/** After so long without an answer, half of what was bad is forgotten. */
const HALF_LIFE_MS = 5 * 60 * 1000;
const RECORDS_MAX = 10_000;

/** Faults of the provider. Others are the caller's or this router's, and weigh nothing. */
const badReasons: ReadonlySet<Reason> = new Set([
  Reason.PROVIDER_UNAVAILABLE,
  Reason.PROVIDER_FAILED,
  Reason.PROVIDER_GARBAGE,
  Reason.INVALID_ITEM,
  Reason.DEADLINE_EXCEEDED,
]);

/** What providers answer with when the one who asked is at fault. */
const callersCodes: ReadonlySet<number> = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.PermissionDenied,
  Code.FailedPrecondition,
  Code.OutOfRange,
  Code.Unauthenticated,
]);

/** Makes records that know nothing yet. */
export function createProviderRecords(clock: Clock): ProviderRecords {
  const standings = new LRUCache<string, Standing>({ max: RECORDS_MAX });
  /** Spares hits the making of a key; a snapshot has its provider versions made once. */
  const known = new WeakMap<ProviderVersion, Standing>();

  const badNow = ({ bad, atMs }: Standing) =>
    bad === 0 ? 0 : bad * 0.5 ** ((clock.monotonicMs() - atMs) / HALF_LIFE_MS);
  const find = (provider: ProviderVersion): Standing | undefined => {
    const seen = known.get(provider);
    if (seen) return seen;
    const standing = standings.get(keyOf(provider));
    if (standing) known.set(provider, standing);
    return standing;
  };

  return {
    note(provider, landed) {
      const isBad = landed.kind === 'refused';
      if (isBad && !isProvidersFault(landed)) return;
      const standing = find(provider);
      if (!standing) {
        const first = { bad: isBad ? WEIGHT : 0, atMs: clock.monotonicMs() };
        standings.set(keyOf(provider), first);
        known.set(provider, first);
        return;
      }
      standing.bad = badNow(standing) * (1 - WEIGHT) + (isBad ? WEIGHT : 0);
      standing.atMs = clock.monotonicMs();
    },
    of(provider) {
      const standing = find(provider);
      return standing ? 1 - badNow(standing) : 1;
    },
  };
}

function isProvidersFault({ refusal, ofStarter }: Landed & { kind: 'refused' }): boolean {
  if (ofStarter || !badReasons.has(refusal.reason)) return false;
  return refusal.reason !== Reason.PROVIDER_FAILED || !callersCodes.has(refusal.code);
}

function keyOf({ tenant, name, version }: ProviderVersion): string {
  return `${tenant}\0${name}\0${version}`;
}
