import type { auditChunks, auditHeaders } from '../../store/schema.ts';
import { headersSize, packHeaders, type StoredHeader } from '../chunk.ts';
import type { NewChunk } from '../received.ts';

/** Headers of entries that follow each other. */
export interface HeaderRun {
  readonly chain: string;
  readonly first: number;
  /** The hash of the entry before the first one. */
  readonly before: Uint8Array;
  readonly toMs: number;
  readonly headers: readonly StoredHeader[];
}

/** A row of headers. */
export function headersRow(run: HeaderRun): typeof auditHeaders.$inferInsert {
  const { chain, first, before, toMs, headers } = run;
  return {
    chain,
    first,
    last: first + headers.length - 1,
    before,
    toTime: new Date(toMs),
    size: headersSize(headers),
    headers: packHeaders(headers),
  };
}

/** A row of bodies. */
export function chunkRow(chain: string, chunk: NewChunk): typeof auditChunks.$inferInsert {
  const { fromMs, toMs, ...rest } = chunk;
  return { chain, fromTime: new Date(fromMs), toTime: new Date(toMs), ...rest };
}
