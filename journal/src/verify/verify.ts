import type { AnchorHeadRequest, Chain } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import type { Fault } from '../format/fault.ts';
import { linkFaults } from './chain-links.ts';
import { type ChainVerifier, verifyChain } from './chain-verifier.ts';
import { readDirectory } from './directory.ts';
import { type ExportParts, readExport } from './export.ts';

/** What is to be verified. */
export type JournalSource =
  /** The directory of a journal, with a folder for each chain; or one such folder. */
  | { readonly directory: string }
  /** What AuditService.ExportChains gave out, written to a file: each message after its length. */
  | { readonly file: string }
  /** The same, as it comes. */
  | { readonly parts: ExportParts };

/** What is known of chains beside what they say of themselves. */
export interface VerifyOptions {
  /** What the registry was told, of any of the chains; those of an export are added. */
  readonly anchors?: readonly AnchorHeadRequest[];
  /** The public keys (32 bytes) by the ids of their chains; those of an export are added. */
  readonly publicKeys?: ReadonlyMap<string, Uint8Array>;
  /**
   * Whether entries and chains may be missing at the beginning, as in the directory of a router that
   * deletes what it has shipped. Default: false.
   */
  readonly pruned?: boolean;
  /**
   * Anchors from this time on (wall, ms) may tell of entries that are not there, as what a router
   * has anchored and not yet shipped. Default: none may.
   */
  readonly unshippedFromMs?: number;
}

/** A chain, as far as it was verified. */
export interface VerifiedChain {
  readonly id: string;
  /** What its first entry, or the registry, says of it; undefined when that could not be read. */
  readonly chain: Chain | undefined;
  /** The first position that is there. */
  readonly first: number;
  /** How many entries it has, with those that are not there; up to the first fault. */
  readonly length: number;
  /** The hash of the last of them. */
  readonly head: Uint8Array;
  /** How many of them the last good checkpoint stands for. */
  readonly checkpointed: number;
  /** How many anchors of the registry were met. */
  readonly anchors: number;
  /** How many bodies were dropped. */
  readonly dropped: number;
  /** How many of its entries are lost. */
  readonly lost: number;
  /** What is no fault and yet worth knowing, such as a frame that was cut off when a process died. */
  readonly notes: readonly string[];
}

/** What was found. */
export interface Verification {
  /** Whether nothing is wrong. */
  readonly ok: boolean;
  /**
   * Of each chain, in their order, what is lost of it, and its first fault of another kind; then what
   * is wrong between chains.
   */
  readonly faults: readonly Fault[];
  /** In the order in which they were begun. */
  readonly chains: readonly VerifiedChain[];
}

/**
 * Verifies a journal, without asking anybody: every entry, every body that is there, every
 * checkpoint, and how the chains hang together. Names the first bad entry of each chain. What it
 * cannot know is whether entries after the last anchor (or, without anchors, the last chain's end)
 * were cut off. Throws when the source cannot be read.
 */
export async function verifyJournal(
  source: JournalSource,
  options: VerifyOptions = {},
): Promise<Verification> {
  const chains: ChainVerifier[] = [];
  for await (const read of chainsOf(source)) chains.push(await verifyChain(read, options));
  chains.sort((a, b) => a.beganMs - b.beganMs);
  const faults = [...chains.flatMap(ownFaults(source, chains)), ...linkFaults(chains, options)];
  return { ok: faults.length === 0, faults, chains: chains.map(({ verified }) => verified) };
}

/** An export without any entries is there for its anchors: then nothing can be too short. */
function ownFaults(source: JournalSource, chains: readonly ChainVerifier[]) {
  const expected = 'directory' in source || chains.some(({ hasEntries }) => hasEntries);
  return ({ losses, fault, tooShort }: ChainVerifier): readonly Fault[] => {
    const found = fault ?? (expected ? tooShort : undefined);
    return found ? [...losses, found] : losses;
  };
}

function chainsOf(source: JournalSource) {
  if ('directory' in source) return readDirectory(source.directory);
  return readExport('file' in source ? source.file : source.parts);
}
