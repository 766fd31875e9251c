import { fromBinary } from '@bufbuild/protobuf';
import {
  AnchorHeadRequestSchema,
  type Chain,
  ChainSchema,
} from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import type { Fault, FaultKind, Place } from '../format/fault.ts';
import { genesis, hashBody, hashEntry, TIE_BYTES } from '../format/hash.ts';
import { bufferOf, type Header, readHeader } from '../format/header.ts';
import { anchorMs, isSignedBy } from './anchors.ts';

/** Where a chain begins to be checked. */
export interface ChainStart {
  /** The chain's id. */
  readonly chain: string;
  /** The key of its checkpoints, 32 bytes. Undefined: the one that its first entry tells. */
  readonly publicKey?: Uint8Array | undefined;
  /** How many entries are not there to be checked; default 0. */
  readonly length?: number;
  /** The hash of the last of them. */
  readonly head?: Uint8Array;
}

/** An entry as it was kept. */
export interface CheckedEntry {
  /** 64 bytes. */
  readonly header: Uint8Array;
  /** Empty: it was dropped. */
  readonly body: Uint8Array;
  readonly place?: Place | undefined;
}

/** What became of an entry: what is wrong with it, or what it is. */
export type Checked =
  | { readonly fault: Fault }
  | { readonly fault?: undefined; readonly header: Header; readonly hash: Uint8Array };

/** Checks the entries of one chain, one after the other. */
export interface ChainChecker {
  /** How many entries were right, with those before the start. */
  readonly length: number;
  /** The hash of the last of them. */
  readonly head: Uint8Array;
  /** What the first entry says; undefined until it was checked. */
  readonly link: Chain | undefined;
  /** How many entries the last good checkpoint stands for. */
  readonly checkpointed: number;
  /** Checks the next entry. After a fault, nothing that follows can be right. */
  add(entry: CheckedEntry): Checked;
  /** Goes on behind entries that are lost; the next checkpoint proves what follows. */
  skip(count: number, lastHash: Uint8Array): void;
}

/** Begins to check a chain. */
export function createChainChecker(start: ChainStart): ChainChecker {
  let length = start.length ?? 0;
  let head: Uint8Array = start.head ?? genesis;
  let publicKey = start.publicKey;
  let link: Chain | undefined;
  let checkpointed = length;

  /** Undefined: nothing is wrong. */
  const faultOf = (header: Header, entry: CheckedEntry): Wrong | undefined =>
    placeFault(header, length, head) ?? bodyFault(header, entry.body) ?? saidFault(header, entry);

  const saidFault = (header: Header, { body }: CheckedEntry): Wrong | undefined => {
    if ((header.kind === 'link') !== (length === 0)) {
      return wrong('link', 'a chain begins with its link, and has one link only');
    }
    if (header.kind === 'link') return linkFault(body);
    return header.kind === 'checkpoint' ? checkpointFault(header, body) : undefined;
  };

  const linkFault = (body: Uint8Array): Wrong | undefined => {
    const said = decoded(ChainSchema, body);
    if (said === undefined) return wrong('link', 'the link of the chain cannot be read');
    if (said.id !== start.chain) return wrong('link', `the link is that of chain ${said.id}`);
    if (publicKey && !bufferOf(publicKey).equals(said.publicKey)) {
      return wrong('key', 'the chain tells another public key than is known of it');
    }
    link = said;
    publicKey ??= said.publicKey;
    return undefined;
  };

  const checkpointFault = (header: Header, body: Uint8Array): Wrong | undefined => {
    const said = decoded(AnchorHeadRequestSchema, body);
    if (said === undefined) return wrong('checkpoint', 'the checkpoint cannot be read');
    if (!publicKey) return wrong('key', 'no public key is known to verify the checkpoint with');
    if (!isSignedBy(publicKey, said)) {
      return wrong('checkpoint', 'the signature of the checkpoint is wrong');
    }
    const { chain } = start;
    if (
      said.chain !== chain ||
      Number(said.length) !== length ||
      anchorMs(said) !== header.timeMs
    ) {
      return wrong('checkpoint', 'the checkpoint was signed for another place than this one');
    }
    if (bufferOf(said.head).equals(head)) {
      checkpointed = length;
      return undefined;
    }
    const text = `an entry from ${checkpointed} to ${length - 1} is not what was signed`;
    return { kind: 'checkpoint', text, position: checkpointed };
  };

  const faulty = ({ kind, text, position = length }: Wrong, { place }: CheckedEntry) => ({
    fault: { kind, text, position, chain: start.chain, place },
  });

  return {
    get length() {
      return length;
    },
    get head() {
      return head;
    },
    get link() {
      return link;
    },
    get checkpointed() {
      return checkpointed;
    },
    add(entry) {
      const header = readOrFault(entry.header);
      if ('text' in header) return faulty(header, entry);
      const found = faultOf(header, entry);
      if (found !== undefined) return faulty(found, entry);
      head = hashEntry(head, entry.header);
      length += 1;
      return { header, hash: head };
    },
    skip(count, lastHash) {
      length += count;
      head = lastHash;
    },
  };
}

/** What is wrong, before it is said of which entry. */
interface Wrong {
  readonly kind: FaultKind;
  readonly text: string;
  /** Left out: the entry at hand. */
  readonly position?: number;
}

function wrong(kind: FaultKind, text: string): Wrong {
  return { kind, text };
}

function readOrFault(header: Uint8Array): Header | Wrong {
  try {
    return readHeader(header);
  } catch (error) {
    return wrong('header', error instanceof Error ? error.message : String(error));
  }
}

function placeFault(header: Header, length: number, head: Uint8Array): Wrong | undefined {
  const { position, tie } = header;
  if (position > length) {
    return wrong('missing', `entries ${length} to ${position - 1} are missing`);
  }
  if (position < length) {
    return wrong('order', `entry ${position} stands where entry ${length} should`);
  }
  if (bufferOf(head).subarray(0, TIE_BYTES).equals(tie)) return undefined;
  if (length === 0) return wrong('tie', 'the first entry is tied to one before it');
  const text = `entry ${length} does not follow from entry ${length - 1}: one of them was altered`;
  return { kind: 'tie', text, position: length - 1 };
}

function bodyFault({ kind, bodyBytes, bodyHash }: Header, body: Uint8Array): Wrong | undefined {
  if (body.byteLength === 0 && (kind === 'call' || kind === 'subject')) return undefined;
  if (body.byteLength === bodyBytes && hashBody(body).equals(bodyHash)) return undefined;
  return wrong('body', 'the body is not the one that was recorded');
}

function decoded<S extends typeof ChainSchema | typeof AnchorHeadRequestSchema>(
  schema: S,
  body: Uint8Array,
) {
  try {
    return fromBinary(schema, body);
  } catch {
    return undefined;
  }
}
