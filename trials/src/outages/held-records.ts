import { fromBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { entryKinds, verifyJournal } from '@weir/journal';
import type { Weir } from '@weir/sdk';
import type { ExportChainsResponse } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { type CallRecord, CallRecordSchema } from '@weir/sdk/gen/weir/audit/v1/record_pb';

/** Of one call: how many items its records tell of, and the part that each record is. */
interface HeldCall {
  items: number;
  readonly parts: number[];
}

/** What a registry holds of calls, and what an auditor says of it. */
export interface HeldRecords {
  /** What is in the chains, by request ids. */
  readonly inChains: ReadonlyMap<string, HeldCall>;
  /** What a search finds. */
  readonly found: ReadonlyMap<string, HeldCall>;
  readonly chains: number;
  readonly faults: readonly string[];
}

const PAGE_SIZE = 500;
const HOUR_MS = 3_600_000;

/** Reads all records of a registry. Heads that were told after a time may be ahead of their entries. */
export async function readHeld({ audit }: Weir, unshippedFromMs: number): Promise<HeldRecords> {
  const inChains = new Map<string, HeldCall>();
  const parts = countRecords(audit.exportChains({ entries: true }), inChains);
  const { faults, chains } = await verifyJournal({ parts }, { unshippedFromMs });
  const found = new Map<string, HeldCall>();
  const filter = { from: timestampFromMs(Date.now() - HOUR_MS), to: timestampFromMs(Date.now()) };
  let pageToken = '';
  do {
    const page = await audit.searchRecords({ filter, pageSize: PAGE_SIZE, pageToken });
    for (const { record } of page.records) if (record) hold(found, record);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return {
    ...{ inChains, found, chains: chains.length },
    faults: faults.map(({ chain, position, text }) => `${chain} ${position}: ${text}`),
  };
}

/**
 * Calls that were answered, with the number of items that their callers know of, and that are not,
 * with as many, both in the chains and found by a search; and those that are there more than once.
 */
export function compareHeld(
  answered: ReadonlyMap<string, number | undefined>,
  { inChains, found }: Pick<HeldRecords, 'inChains' | 'found'>,
): { readonly lost: readonly string[]; readonly doubled: readonly string[] } {
  const held = (id: string) => [inChains.get(id), found.get(id)];
  const isLost = (items: number | undefined) => (call: HeldCall | undefined) =>
    call === undefined || (items !== undefined && call.items < items);
  const isDoubled = (items: number | undefined) => (call: HeldCall | undefined) =>
    call !== undefined &&
    (new Set(call.parts).size < call.parts.length || call.items > (items ?? call.items));
  const which = (is: typeof isLost) =>
    [...answered].filter(([id, items]) => held(id).some(is(items))).map(([id]) => id);
  return { lost: which(isLost), doubled: which(isDoubled) };
}

async function* countRecords(
  parts: AsyncIterable<ExportChainsResponse>,
  into: Map<string, HeldCall>,
): AsyncGenerator<ExportChainsResponse> {
  for await (const message of parts) {
    const { part } = message;
    for (const { header, body } of part.case === 'entries' ? part.value.entries : []) {
      if (header[1] === entryKinds.call) hold(into, fromBinary(CallRecordSchema, body));
    }
    yield message;
  }
}

function hold(into: Map<string, HeldCall>, { requestId, items, part }: CallRecord): void {
  const held = into.get(requestId) ?? { items: 0, parts: [] };
  held.items += items.length;
  held.parts.push(part);
  into.set(requestId, held);
}
