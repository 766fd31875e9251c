import type { Weir } from '@weir/sdk';
import type { Scenario } from '../model.ts';
import { itemType, warmKey } from '../values.ts';
import { purpose } from './policies.ts';

const batchRefs = 128;
const batchesAtOnce = 8;

/**
 * Fetches every key that will be asked for again and again, once. Throws when one of them cannot be
 * had: what is measured then would not be what it is called.
 */
export async function warmCache(
  weir: Weir,
  { keys }: Pick<Scenario, 'keys'>,
  consistencyToken: string,
): Promise<void> {
  const starts = Array.from({ length: Math.ceil(keys / batchRefs) }, (_, i) => i * batchRefs);
  const queue = starts.values();
  const worker = async () => {
    for (const from of queue) {
      const count = Math.min(batchRefs, keys - from);
      const refs = Array.from({ length: count }, (_, i) => ({
        type: itemType,
        key: warmKey(from + i),
      }));
      const { results } = await weir.router.fetchContext({ refs, purpose, consistencyToken });
      const wrong = results.find(({ outcome }) => outcome.case !== 'item');
      if (wrong) throw new Error(`${itemType}/${warmKey(from + wrong.index)}: ${said(wrong)}`);
    }
  };
  await Promise.all(Array.from({ length: batchesAtOnce }, worker));
}

function said({ outcome }: { outcome: { case?: string | undefined; value?: unknown } }): string {
  const { message } = (outcome.value ?? {}) as { message?: string };
  return message ?? `no item but ${outcome.case ?? 'nothing'}`;
}
