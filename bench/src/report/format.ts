import type { ScenarioResult } from '../model.ts';

/** What stands where there is no figure. */
export const nothing = '–';

/** Milliseconds in three digits, such as "0.412", "12.3" and "1204". */
export function ms(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return nothing;
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : value >= 1 ? 2 : 3);
}

/** A count in at most six characters, such as "980", "63,214", "523k" and "1.21M". */
export function count(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return nothing;
  if (value >= 999_500) return `${(value / 1e6).toPrecision(value >= 99.95e6 ? 4 : 3)}M`;
  if (value >= 99_999.5) return `${(value / 1e3).toFixed(0)}k`;
  return Math.round(value).toLocaleString('en-US');
}

/** A ratio, such as "0.64", "12.3" and "120". */
export function ratio(value: number): string {
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

/** A share of one, such as "31 %". */
export function percent(share: number): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(0)} %` : nothing;
}

/** A ratio with what it was at least and at most, such as "0.64 (0.61 to 0.66)". */
export function withSpread(value: number, spread: readonly [number, number] | undefined): string {
  if (spread === undefined) return ratio(value);
  return `${ratio(value)} (${ratio(spread[0])} to ${ratio(spread[1])})`;
}

/** Why it was sent what it was, such as "saturation", "half", "500/s" and "overload". */
export function planText({ load }: Pick<ScenarioResult, 'load'>): string {
  switch (load.plan) {
    case 'saturation':
    case 'half':
      return load.plan;
    case 'fixed':
      return load.kind === 'open' ? `${count(load.rate)}/s` : 'fixed';
    case 'times':
      return 'overload';
  }
}
