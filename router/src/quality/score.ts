import type { Judged } from './judged.ts';

/** The parts of a quality, each from 0 to 1; NaN: not known. */
export interface QualityParts {
  readonly validity: number;
  readonly freshness: number;
  readonly completeness: number;
  readonly record: number;
  readonly judgement: number;
}

/** What freshness has fallen to at the end of what an item may be served stale. */
const STALEST = 0.5;

/** 1 within the ttl, then falling in a straight line to 0.5 at the end of the stale allowance. */
export function freshnessOf(
  { ttlMs, staleMs }: { readonly ttlMs: number; readonly staleMs: number },
  ageMs: number,
): number {
  const pastMs = ageMs - ttlMs;
  if (pastMs <= 0 || ttlMs === 0) return 1;
  return pastMs >= staleMs ? STALEST : 1 - (1 - STALEST) * (pastMs / staleMs);
}

/** The parts of the quality that an item has at an age. */
export function partsOf(
  entry: { readonly judged: Judged; readonly ttlMs: number; readonly staleMs: number },
  ageMs: number,
  record: number,
): QualityParts {
  const { validity, completeness, judgement } = entry.judged;
  return { validity, freshness: freshnessOf(entry, ageMs), completeness, record, judgement };
}

/** The quality that an item has at an age: `scoreOf` of its parts, without making them. */
export function qualityOf(
  entry: { readonly judged: Judged; readonly ttlMs: number; readonly staleMs: number },
  ageMs: number,
  record: number,
): number {
  const { validity, completeness, judgement } = entry.judged;
  return (
    orOne(validity) * freshnessOf(entry, ageMs) * orOne(completeness) * record * orOne(judgement)
  );
}

/** The quality: the product of the parts that are known. */
export function scoreOf(parts: QualityParts): number {
  return (
    orOne(parts.validity) *
    parts.freshness *
    orOne(parts.completeness) *
    parts.record *
    orOne(parts.judgement)
  );
}

/** The lowest part, for people. */
export function weakestOf(parts: QualityParts): { name: string; value: number } {
  const known = [
    { name: 'validity', value: parts.validity },
    { name: 'freshness', value: parts.freshness },
    { name: 'completeness', value: parts.completeness },
    { name: "the provider's record", value: parts.record },
    { name: "the provider's judgement", value: parts.judgement },
  ].filter(({ value }) => !Number.isNaN(value));
  return known.reduce((lowest, part) => (part.value < lowest.value ? part : lowest));
}

/** A share as people read it: three digits. */
export function shareText(share: number): string {
  return String(Math.round(share * 1000) / 1000);
}

function orOne(part: number): number {
  return Number.isNaN(part) ? 1 : part;
}
