import { WireReader, WireType } from './wire.ts';

/** The field of a ListResponse, and of a WatchResponse, that comes in any number. */
const ENTRIES: number = 1;
/** The fields of an entry of a list that do. */
export const listPieces: ReadonlySet<number> = new Set([7]);
/** The fields of an event that do: refs and labels. */
export const eventPieces: ReadonlySet<number> = new Set([5, 7]);

/** How much there is to decode: the entries of a list, or events, and these with what they have many of. */
export interface Pieces {
  readonly entries: number;
  readonly pieces: number;
}

/**
 * Counts, without decoding anything, the parts of a message that cost by themselves, however small
 * they are; stops at `most`.
 *
 * @throws {MalformedBytes} when the bytes are no such message
 */
export function countPieces(bytes: Buffer, most: number, inner: ReadonlySet<number>): Pieces {
  const reader = new WireReader(bytes);
  let entries = 0;
  let pieces = 0;
  while (pieces < most && reader.next()) {
    if (reader.field !== ENTRIES || reader.type !== WireType.delimited) {
      reader.skip();
      continue;
    }
    entries++;
    pieces++;
    const outer = reader.enter();
    while (pieces < most && reader.next()) {
      if (inner.has(reader.field)) pieces++;
      reader.skip();
    }
    reader.leave(outer);
  }
  return { entries, pieces };
}
