import { WireReader, WireType } from './wire.ts';

/** The fields of a ListResponse and of its entries that come in any number. */
const ENTRIES: number = 1;
const LABELS: number = 7;

/** How much there is to decode of a ListResponse: its entries, and these with their labels. */
export interface Pieces {
  readonly entries: number;
  readonly pieces: number;
}

/**
 * Counts, without decoding anything, the parts of a ListResponse that cost by themselves, however
 * small they are; stops at `most`.
 *
 * @throws {MalformedBytes} when the bytes are no such message
 */
export function countPieces(bytes: Buffer, most: number): Pieces {
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
      if (reader.field === LABELS) pieces++;
      reader.skip();
    }
    reader.leave(outer);
  }
  return { entries, pieces };
}
