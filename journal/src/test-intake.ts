import { create } from '@bufbuild/protobuf';
import { refuse } from '@weir/kit';
import {
  type AnchorHeadRequest,
  type Chain,
  type Entry,
  OpenChainResponseSchema,
  ShipEntriesResponseSchema,
} from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { SHIP_MAX_BYTES } from './ship/entry-reader.ts';
import type { JournalIntake } from './ship/intake.ts';
import { type ChainChecker, createChainChecker } from './verify/chain-checker.ts';

/** What a registry holds, in memory; it takes in nothing that does not follow. */
export interface TestIntake extends JournalIntake {
  /** While it is, every call fails. */
  isAway: boolean;
  /** Chains of which it says that what comes contradicts what it holds. */
  readonly refused: Set<string>;
  /** By the ids of their chains. */
  readonly chains: ReadonlyMap<string, HeldChain>;
}

/** A chain as it was shipped. */
export interface HeldChain {
  readonly chain: Chain;
  readonly entries: Entry[];
  readonly anchors: AnchorHeadRequest[];
  readonly checker: ChainChecker;
  /** What it was told to be lost, as "<first> to <last>". */
  readonly lost: string[];
}

/** A registry that holds nothing yet. */
export function createTestIntake(): TestIntake {
  const chains = new Map<string, HeldChain>();
  const held = (id: string): HeldChain => {
    if (intake.isAway) throw new Error('away');
    if (intake.refused.has(id)) throw refuse(Reason.ALREADY_EXISTS, 'another entry is held');
    const one = chains.get(id);
    if (!one) throw new Error(`chain ${id} is not known`);
    return one;
  };
  const intake: TestIntake = {
    isAway: false,
    refused: new Set(),
    chains,
    async openChain({ chain }) {
      if (intake.isAway) throw new Error('away');
      const { id, publicKey } = chain;
      if (!chains.has(id)) {
        const checker = createChainChecker({ chain: id, publicKey });
        chains.set(id, { chain, checker, entries: [], anchors: [], lost: [] });
      }
      return create(OpenChainResponseSchema, { shipped: BigInt(held(id).checker.length) });
    },
    async anchorHead(anchor) {
      held(anchor.chain).anchors.push(anchor);
    },
    async shipEntries({ chain, first, entries, goneHead }) {
      const { entries: all, checker, lost } = held(chain);
      const bytes = entries.reduce((sum, { header, body }) => sum + header.length + body.length, 0);
      if (bytes > SHIP_MAX_BYTES) throw new Error(`${bytes} bytes are too many at once`);
      const missing = Number(first) - checker.length;
      if (missing > 0 && goneHead.length > 0) {
        lost.push(`${checker.length} to ${first - 1n}`);
        checker.skip(missing, goneHead);
      }
      const isAhead = Number(first) > checker.length;
      for (const entry of isAhead ? [] : entries.slice(checker.length - Number(first))) {
        const { fault } = checker.add(entry);
        if (fault) throw new Error(fault.text);
        all.push(entry);
      }
      return create(ShipEntriesResponseSchema, { shipped: BigInt(checker.length) });
    },
  };
  return intake;
}

/** The texts of the records of a chain. */
export function textsOf({ entries }: Pick<HeldChain, 'entries'>): string[] {
  const calls = entries.filter(({ header }) => header[1] === 2);
  return calls.map(({ body }) => Buffer.from(body).toString());
}
