export {
  type ChainKeys,
  type Checkpoint,
  createChainKeys,
  isChainId,
  signCheckpoint,
} from './format/checkpoint.ts';
export type { Fault, FaultKind, Place } from './format/fault.ts';
export { genesis, hashBody, hashEntry } from './format/hash.ts';
export {
  BODY_MAX_BYTES,
  CHAIN_ID_BYTES,
  type EntryKind,
  entryKinds,
  HASH_BYTES,
  HEADER_BYTES,
  type Header,
  readHeader,
} from './format/header.ts';
export { type Journal, type JournalStats, openJournal } from './journal.ts';
export type { JournalObserver, JournalOptions } from './options.ts';
export type { JournalIntake } from './ship/intake.ts';
export { isSignedBy } from './verify/anchors.ts';
export {
  type ChainChecker,
  type ChainStart,
  type Checked,
  type CheckedEntry,
  createChainChecker,
} from './verify/chain-checker.ts';
export { type ExportParts, type KnownChains, readKnownChains } from './verify/export.ts';
export {
  type JournalSource,
  type Verification,
  type VerifiedChain,
  type VerifyOptions,
  verifyJournal,
} from './verify/verify.ts';
export { type JournalFiles, type SegmentFile, systemFiles } from './writer/files.ts';
