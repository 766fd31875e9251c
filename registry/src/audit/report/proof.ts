import { verifyJournal } from '@weir/journal';
import type { AuditStore } from '../audit-store.ts';

/** Anchors younger than this may tell of entries that are still on their way. */
const UNSHIPPED_MS = 60_000;

/** What was found of one chain. */
export interface ChainProof {
  readonly chain: string;
  readonly writer: string;
  /** Signed heads that were met. */
  readonly anchors: number;
  /** Undefined: it is whole. */
  readonly fault: string | undefined;
}

/** Verifies the chains that were written in a span of time, as an auditor would. */
export async function proveChains(
  records: Pick<AuditStore, 'chains'>,
  span: { readonly fromMs: number; readonly toMs: number },
  nowMs: number,
): Promise<ChainProof[]> {
  const parts = records.chains({ ...span, entries: true });
  // Chains before the span are not read, and missed by those that follow them.
  const options = { pruned: true, unshippedFromMs: nowMs - UNSHIPPED_MS };
  const { chains, faults } = await verifyJournal({ parts }, options);
  return chains.map(({ id, chain, anchors }) => {
    const own = faults.filter((one) => one.chain === id);
    const text = own.map(({ position, text }) => `${position}: ${text}`).join('; ');
    return { chain: id, writer: chain?.writer ?? '', anchors, fault: text || undefined };
  });
}
