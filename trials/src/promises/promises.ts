import type { Promised } from './promise.ts';

/** The promises that are times or ratios, in the order of their numbers. */
export const promises: readonly Promised[] = [];
