import { createReadStream } from 'node:fs';
import { sizeDelimitedDecodeStream } from '@bufbuild/protobuf/wire';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type ExportChainsResponse,
  ExportChainsResponseSchema,
} from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import type { AnchorHeadRequest, Chain } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import type { ChainPart, ChainSource } from './chain-source.ts';

/** What AuditService.ExportChains gives out. */
export type ExportParts = AsyncIterable<ExportChainsResponse>;

/** What a registry knows of chains, without their entries. */
export interface KnownChains {
  readonly anchors: readonly AnchorHeadRequest[];
  /** By the ids of the chains. */
  readonly publicKeys: ReadonlyMap<string, Uint8Array>;
}

/** Reads the anchors and keys of an export, to verify the directory of a router with. */
export async function readKnownChains(source: string | ExportParts): Promise<KnownChains> {
  const anchors: AnchorHeadRequest[] = [];
  const publicKeys = new Map<string, Uint8Array>();
  for await (const { part } of partsOf(source)) {
    if (part.case === 'anchor') anchors.push(part.value);
    if (part.case === 'chain') publicKeys.set(part.value.id, part.value.publicKey);
  }
  return { anchors, publicKeys };
}

/** The chains of an export, one after the other; each is to be read before the next. */
export async function* readExport(source: string | ExportParts): AsyncGenerator<ChainSource> {
  const parts = partsOf(source)[Symbol.asyncIterator]();
  let next = await parts.next();
  /** What belongs to the chain at hand; the next chain is left in `next`. */
  async function* rest(): AsyncGenerator<ChainPart> {
    while (!next.done && next.value.part.case !== 'chain') {
      const { value } = next;
      next = await parts.next();
      yield* partsIn(value);
    }
  }
  while (!next.done) {
    const { part } = next.value;
    if (part.case !== 'chain') throw new Error('the export begins with entries of no chain');
    next = await parts.next();
    yield chainSource(part.value, rest());
    // Whatever was left after a fault.
    for await (const _ of rest());
  }
}

function chainSource(chain: Chain, parts: AsyncIterable<ChainPart>): ChainSource {
  return { id: chain.id, chain, parts };
}

function* partsIn({ part }: ExportChainsResponse): Generator<ChainPart> {
  switch (part.case) {
    case 'anchor':
      yield { kind: 'anchor', anchor: part.value };
      return;
    case 'entries':
      yield { kind: 'start', first: Number(part.value.first) };
      for (const { header, body } of part.value.entries) yield { kind: 'entry', header, body };
      return;
    case 'pruned': {
      const { length, head } = part.value;
      yield { kind: 'start', first: Number(length), head, isPruned: true };
      return;
    }
    case 'dropped':
      yield { kind: 'dropped', ranges: part.value.ranges };
      return;
    case 'lost': {
      const { first, count, head, time } = part.value;
      const foundMs = time ? timestampMs(time) : 0;
      yield { kind: 'lost', first: Number(first), count: Number(count), head, foundMs };
      return;
    }
    case 'fault': {
      const { text, position } = part.value;
      yield { kind: 'bad', fault: 'noted', text, position: Number(position) };
      return;
    }
    case 'chain':
    case undefined:
      return;
    default:
      part satisfies never;
  }
}

function partsOf(source: string | ExportParts): ExportParts {
  if (typeof source !== 'string') return source;
  return sizeDelimitedDecodeStream(ExportChainsResponseSchema, createReadStream(source));
}
