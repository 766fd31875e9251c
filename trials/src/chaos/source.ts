import { type ItemValue, itemKeys, itemKinds, tenantNames } from './items.ts';
import type { Random } from './random.ts';
import type { Written } from './record.ts';

/** What providers ask the source of the items, over their channel. */
export interface SourceQuestion {
  readonly id: number;
  readonly tenant: string;
  readonly type: string;
  readonly keys: readonly string[];
}

/** What the source answers; null: there is no such item. */
export interface SourceAnswer {
  readonly id: number;
  readonly values: readonly (ItemValue | null)[];
}

/** A fault that is planted, and must be counted. */
export const plants = ['wrong', 'lost', 'stale', 'tenant'] as const;
export type Plant = (typeof plants)[number];

/** Where the items are: what it says is true. */
export interface Source {
  answer(question: SourceQuestion): SourceAnswer;
  /** Changes an item: raises its version, or lets it go or come. */
  change(random: Random): void;
  /** Lies now and then from here on, or tells the truth again. */
  plant(plant: Plant | undefined): void;
  /** All that was ever true. */
  readonly writes: readonly Written[];
}

const GONE_SHARE = 0.4;
/** Every so many answers are as the plant has it. */
const PLANT_EVERY = 40;

/** Makes the source, with version 1 of every item. */
export function createSource(nowMs: () => number): Source {
  let plant: Plant | undefined;
  const writes: Written[] = [];
  const held = new Map<string, Written>();
  const nameOf = (tenant: string, type: string, key: string) => [tenant, type, key].join('\0');
  const put = (written: Written) => {
    writes.push(written);
    held.set(nameOf(written.tenant, written.type, written.key), written);
  };
  for (const tenant of tenantNames) {
    for (const { type } of itemKinds) {
      for (const key of itemKeys)
        put({ atMs: nowMs(), tenant, type, key, version: 1, gone: false });
    }
  }
  let answered = 0;

  function read(tenant: string, type: string, key: string): ItemValue | null {
    answered += 1;
    const truth = held.get(nameOf(tenant, type, key));
    if (!truth || truth.gone) return null;
    const value = { tenant, type, key, version: truth.version, writtenMs: truth.atMs };
    if (plant === undefined || answered % PLANT_EVERY !== 0) return value;
    return { ...value, ...lie(plant, value) };
  }

  return {
    writes,
    answer: ({ id, tenant, type, keys }) => ({
      id,
      values: keys.map((key) => read(tenant, type, key)),
    }),
    plant(next) {
      plant = next;
    },
    change(random) {
      const { type, fleeting } = random.pick(itemKinds);
      const tenant = random.pick(tenantNames);
      const key = random.pick(itemKeys);
      const before = held.get(nameOf(tenant, type, key));
      const gone = fleeting && before?.gone === false && random.next() < GONE_SHARE;
      put({ atMs: nowMs(), tenant, type, key, version: (before?.version ?? 0) + 1, gone });
    },
  };
}

function lie(plant: Plant, { tenant, key }: ItemValue): Partial<ItemValue> {
  switch (plant) {
    case 'wrong':
      return { key: itemKeys.find((other) => other !== key) ?? '' };
    case 'stale':
      return { version: 1 };
    case 'tenant':
      return { tenant: tenantNames.find((other) => other !== tenant) ?? '' };
    case 'lost':
      return {};
    default:
      return plant satisfies never;
  }
}
