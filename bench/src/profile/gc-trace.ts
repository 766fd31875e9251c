/** Collections of one kind. */
export interface Collections {
  readonly kind: string;
  readonly count: number;
  readonly totalMs: number;
  readonly maxMs: number;
}

/** What the lines of `--trace-gc` say. */
export interface GcTrace {
  readonly kinds: readonly Collections[];
  /** Allocated between collections, in MB. */
  readonly allocatedMb: number;
}

// Such as "[12:0x3e] 4711 ms: Scavenge 61.2 (80.1) -> 55.0 (80.4) MB, pooled: 0 MB, 0.65 / 0.00 ms".
const line =
  /\[\d+:(?<heap>0x[\da-f]+)\].*?\bms: (?<kind>[A-Z][\w-]*(?: \([\w -]+\))?) (?<from>[\d.]+) \([\d.]+\) -> (?<to>[\d.]+) \([\d.]+\) MB,.*? (?<took>[\d.]+) \/ [\d.]+ +ms/;

/** Adds up the lines of `--trace-gc` by kind. */
export function readGcTrace(text: string): GcTrace {
  const kinds = new Map<string, { count: number; totalMs: number; maxMs: number }>();
  let allocatedMb = 0;
  const heldMb = new Map<string, number>();
  for (const each of text.split('\n')) {
    const found = line.exec(each)?.groups;
    if (!found) continue;
    const { heap = '', kind = '', from, to, took } = found;
    const ms = Number(took);
    const known = kinds.get(kind) ?? { count: 0, totalMs: 0, maxMs: 0 };
    const maxMs = Math.max(known.maxMs, ms);
    kinds.set(kind, { count: known.count + 1, totalMs: known.totalMs + ms, maxMs });
    // Each thread has a heap of its own.
    allocatedMb += Math.max(0, Number(from) - (heldMb.get(heap) ?? Number(from)));
    heldMb.set(heap, Number(to));
  }
  return { kinds: [...kinds].map(([kind, counted]) => ({ kind, ...counted })), allocatedMb };
}
