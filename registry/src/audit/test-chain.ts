import { randomBytes } from 'node:crypto';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type ChainKeys,
  createChainKeys,
  type EntryKind,
  entryKinds,
  genesis,
  hashBody,
  hashEntry,
  signCheckpoint,
} from '@weir/journal';
import {
  type AnchorHeadRequest,
  AnchorHeadRequestSchema,
  type Chain,
  ChainSchema,
  type Entry,
  EntrySchema,
} from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { CallRecordSchema, SubjectRecordSchema } from '@weir/sdk/gen/weir/audit/v1/record_pb';

/** What a test says of a call. */
export type CallInit = MessageInitShape<typeof CallRecordSchema>;

/** A chain as a router writes it, in memory, by docs/audit-format.md. */
export interface TestChain {
  readonly chain: Chain;
  readonly entries: readonly Entry[];
  readonly keys: ChainKeys;
  head(length?: number): Uint8Array;
  addCall(call: CallInit): void;
  addSubject(subject: MessageInitShape<typeof SubjectRecordSchema>): void;
  addCheckpoint(): void;
  /** The signed head of the first entries; of all, if not said. */
  anchor(length?: number, timeMs?: number): AnchorHeadRequest;
}

/** Begins a chain, with its link. */
export function beginChain(
  nowMs: number,
  link: MessageInitShape<typeof ChainSchema> = {},
): TestChain {
  const keys = createChainKeys();
  const chain = create(ChainSchema, {
    id: randomBytes(16).toString('hex'),
    writer: 'router-1',
    publicKey: new Uint8Array(keys.publicKey),
    createTime: timestampFromMs(nowMs),
    ...link,
  });
  const entries: Entry[] = [];
  const hashes: Uint8Array[] = [];
  let timeMs = nowMs;

  function add(kind: EntryKind, body: Uint8Array): void {
    const before = hashes.at(-1) ?? genesis;
    const header = Buffer.alloc(64);
    header.writeUInt8(1, 0);
    header.writeUInt8(entryKinds[kind], 1);
    header.writeUInt32BE(body.length, 4);
    header.writeBigUInt64BE(BigInt(entries.length), 8);
    header.writeBigUInt64BE(BigInt(timeMs), 16);
    header.set(hashBody(body), 24);
    header.set(before.subarray(0, 8), 56);
    entries.push(create(EntrySchema, { header: new Uint8Array(header), body }));
    hashes.push(hashEntry(before, header));
  }

  function anchor(length = entries.length, atMs = timeMs): AnchorHeadRequest {
    const head = hashes[length - 1] ?? genesis;
    const checkpoint = { chain: chain.id, length, head, timeMs: atMs };
    return create(AnchorHeadRequestSchema, {
      chain: chain.id,
      length: BigInt(length),
      head: new Uint8Array(head),
      signature: new Uint8Array(signCheckpoint(checkpoint, keys.privateKey)),
      time: timestampFromMs(atMs),
    });
  }

  add('link', toBinary(ChainSchema, chain));
  return {
    chain,
    entries,
    keys,
    head: (length = entries.length) => hashes[length - 1] ?? genesis,
    addCall(call) {
      const record = create(CallRecordSchema, call);
      timeMs = Math.max(timeMs, record.time ? Number(record.time.seconds) * 1000 : 0);
      add('call', toBinary(CallRecordSchema, record));
    },
    addSubject: (subject) =>
      add('subject', toBinary(SubjectRecordSchema, create(SubjectRecordSchema, subject))),
    addCheckpoint: () => add('checkpoint', toBinary(AnchorHeadRequestSchema, anchor())),
    anchor,
  };
}
