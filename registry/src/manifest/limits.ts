import { type Limits, LimitsSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Checker } from './check.ts';
import type { Path } from './fault.ts';

const COUNT_MAX = BigInt(Number.MAX_SAFE_INTEGER);
const KIB = 1024n;

/** How much may be taken in a second, and how much there is to count in a day. */
const bounds = {
  itemsPerSecond: [1n, 10_000_000n],
  itemsBurst: [1n, 10_000_000n],
  bytesPerSecond: [KIB, KIB ** 4n],
  itemsPerDay: [1n, COUNT_MAX],
  bytesPerDay: [1n, COUNT_MAX],
} as const satisfies Partial<Record<keyof Limits, readonly [bigint, bigint]>>;

/** Checks how much somebody may take. */
export function checkLimits(check: Checker, limits: Limits | undefined, path: Path): void {
  for (const { localName } of LimitsSchema.fields) {
    const field = localName as keyof typeof bounds;
    const [min, max] = bounds[field];
    const value = limits?.[field];
    if (value !== undefined && (value < min || value > max)) {
      check.fault([...path, field], `has to be ${min} to ${max}`);
    }
  }
}
