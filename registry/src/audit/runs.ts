import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';

/** Positions that follow each other. */
export interface Run {
  readonly first: number;
  readonly count: number;
}

/** Positions, in their order, as runs. */
export function runsOf(positions: Iterable<number>): Run[] {
  const runs: { first: number; count: number }[] = [];
  for (const position of positions) {
    const last = runs.at(-1);
    if (last && position === last.first + last.count) last.count += 1;
    else runs.push({ first: position, count: 1 });
  }
  return runs;
}

/** Packs runs: for each the distance to the end of the one before, and the count, as varints. */
export function packRuns(runs: readonly Run[]): Uint8Array {
  const writer = new BinaryWriter();
  let end = 0;
  for (const { first, count } of runs) {
    writer.uint64(first - end).uint64(count);
    end = first + count;
  }
  return writer.finish();
}

/** Unpacks what `packRuns` packed. Throws when somebody altered it. */
export function unpackRuns(packed: Uint8Array): Run[] {
  const reader = new BinaryReader(packed);
  const runs: Run[] = [];
  let end = 0;
  while (reader.pos < reader.len) {
    const first = end + Number(reader.uint64());
    const count = Number(reader.uint64());
    runs.push({ first, count });
    end = first + count;
  }
  return runs;
}
