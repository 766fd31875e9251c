import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import type { PayloadOf } from '@weir/sdk';
import { type Listed, summarise } from '../listing.ts';
import { readTerms, type Terms } from '../search.ts';
import { type Chunk, type ChunkedDocument, chunkMarkdown, chunkText } from './chunk.ts';
import { decodeText } from './decode.ts';
import { type FileState, formatOf } from './walk.ts';

/** The value of a chunk, as callers get it. */
export type DocChunk = PayloadOf<'DocChunk'>;

/** A chunk with what is needed to serve, list and find it. */
export interface IndexedChunk extends Listed {
  readonly value: DocChunk;
  readonly etag: string;
  /** Where it stands, such as `README.md:12`. */
  readonly source: string;
}

/** Reads a document and cuts it. A file that holds no text has no chunks. */
export async function readDocument(path: string, state: FileState): Promise<IndexedChunk[]> {
  const bytes = await readFileOnly(state);
  const text = bytes && decodeText(bytes);
  if (text === undefined) return [];
  const document = await cut(path, text);
  return document.chunks.map((_, index) => toIndexed({ path, state, document, index }));
}

async function cut(path: string, text: string): Promise<ChunkedDocument> {
  if (formatOf(path) !== 'markdown') return chunkText(path, text);
  try {
    return await chunkMarkdown(path, text);
  } catch {
    // Nested too deeply for the parser.
    return chunkText(path, text);
  }
}

/**
 * Reads a regular file. The parts of its path may have been exchanged for links since the folder
 * was walked, so they are looked at again.
 */
async function readFileOnly({ location, bytes }: FileState): Promise<Uint8Array | undefined> {
  try {
    if ((await realpath(location)) !== location) return undefined;
    await using file = await open(location, constants.O_RDONLY | constants.O_NOFOLLOW);
    if (!(await file.stat()).isFile()) return undefined;
    // A file that grows meanwhile is read again on the next access: it has another stamp.
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.subarray(0, bytesRead);
  } catch {
    return undefined;
  }
}

interface Place {
  readonly path: string;
  readonly state: FileState;
  readonly document: ChunkedDocument;
  readonly index: number;
}

function toIndexed(place: Place): IndexedChunk {
  const { path, state, document, index } = place;
  const chunk = document.chunks[index] as Chunk;
  const value = toValue(place, chunk);
  return {
    key: chunk.key,
    title: titleFor(chunk, document, path),
    summary: summarise(bodyOf(chunk)),
    updateTime: state.modified,
    terms: termsFor(chunk, path),
    value,
    etag: createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 22),
    source: `${path}:${chunk.startLine}`,
  };
}

function toValue({ path, state, document, index }: Place, chunk: Chunk): DocChunk {
  const { title, chunks, frontMatter } = document;
  const previous = chunks[index - 1]?.key;
  const next = chunks[index + 1]?.key;
  return {
    id: chunk.key,
    documentId: path,
    ...(title && { documentTitle: title }),
    title: chunk.heading || title || path,
    headingPath: [...chunk.headingPath],
    text: chunk.text,
    format: formatOf(path) ?? 'text',
    position: {
      index,
      count: chunks.length,
      startLine: chunk.startLine,
      endLine: chunk.endLine,
    },
    ...(previous && { previous }),
    ...(next && { next }),
    ...(chunk.parent && { parent: chunk.parent }),
    updatedAt: state.modified.toISOString(),
    ...(frontMatter.fields && { metadata: { ...frontMatter.fields } }),
  };
}

/** In a list, a heading says more with those above it. */
function titleFor(chunk: Chunk, document: ChunkedDocument, path: string): string {
  return chunk.headingPath.filter(Boolean).join(' › ') || document.title || path;
}

/** A heading with nothing below it says little: it can be fetched, and is not found by words. */
function termsFor(chunk: Chunk, path: string): Terms {
  if (!chunk.hasBody) return { counts: new Map(), total: 0 };
  const title = `${chunk.heading} ${path.slice(path.lastIndexOf('/') + 1)}`;
  return readTerms(title, `${chunk.headingPath.join(' ')} ${bodyOf(chunk)}`);
}

/** The text without its own heading. */
function bodyOf({ text, heading, hasBody }: Chunk): string {
  if (heading === '' || !hasBody) return text;
  const isUnderlined = !text.trimStart().startsWith('#');
  const rest = text.split('\n').slice(isUnderlined ? 2 : 1);
  return rest.join('\n').trim();
}
