import { realpathSync, statSync } from 'node:fs';
import { compareKeys } from '../search.ts';
import { shareFor } from '../share.ts';
import { type IndexedChunk, readDocument } from './document.ts';
import { type FileState, lookAt, type Walk, walk } from './walk.ts';

const limits = {
  maxFiles: 10_000,
  maxDepth: 32,
  maxFileBytes: 1024 * 1024,
  maxTotalBytes: 32 * 1024 * 1024,
};

/** A folder of documents, cut into chunks; it notices changes when it is asked. */
export interface DocsFolder {
  /** The chunk with this key. */
  find(key: string, signal: AbortSignal): Promise<IndexedChunk | undefined>;
  /** All chunks, by key. */
  all(signal: AbortSignal): Promise<readonly IndexedChunk[]>;
}

interface Document {
  readonly stamp: string;
  readonly chunks: Promise<readonly IndexedChunk[]>;
}

/**
 * Opens a folder of Markdown and text files. What is below it is looked at again when it is asked
 * for, though not more often than each `refreshMs`.
 *
 * @throws {Error} when there is no such folder.
 */
export function openDocsFolder(path: string, refreshMs: number): DocsFolder {
  const root = realFolder(path);
  const documents = new Map<string, Document>();
  const read = (key: string, state: FileState): Promise<readonly IndexedChunk[]> => {
    const known = documents.get(key);
    if (known?.stamp === state.stamp) return known.chunks;
    const chunks = readDocument(key, state);
    documents.set(key, { stamp: state.stamp, chunks });
    return chunks;
  };
  const refresh = shareFor(refreshMs, async () => {
    const found = await walk(root, limits);
    for (const key of documents.keys()) if (!found.files.has(key)) documents.delete(key);
    return found;
  });
  let latest: Walk | undefined;
  let sorted: { readonly stamp: string; readonly chunks: readonly IndexedChunk[] } | undefined;
  return {
    async find(key, signal) {
      latest ??= await refresh(signal);
      const known = fileOf(key, latest);
      if (known) {
        // Asked itself, so that a change is seen at once.
        const state = await lookAt(known.state.location);
        if (!state || state.bytes > limits.maxFileBytes) return undefined;
        return findIn(await read(known.key, state), key);
      }
      latest = await refresh(signal);
      const file = fileOf(key, latest);
      return file && findIn(await read(file.key, file.state), key);
    },
    async all(signal) {
      latest = await refresh(signal);
      const chunks: IndexedChunk[] = [];
      const stamps: string[] = [];
      for (const [key, state] of latest.files) {
        signal.throwIfAborted();
        stamps.push(state.stamp);
        chunks.push(...(await read(key, state)));
      }
      const stamp = stamps.join();
      if (sorted?.stamp !== stamp) {
        chunks.sort((a, b) => compareKeys(a.key, b.key));
        sorted = { stamp, chunks };
      }
      return sorted.chunks;
    },
  };
}

/** The key of a document alone stands for its beginning, even if that has a heading. */
function findIn(chunks: readonly IndexedChunk[], key: string): IndexedChunk | undefined {
  const chunk = chunks.find((each) => each.key === key);
  const [first] = chunks;
  if (chunk || first?.value.documentId !== key) return chunk;
  return { ...first, key, value: { ...first.value, id: key }, etag: `${first.etag}-first` };
}

/** Keys are looked up among the files that were found, and never made into a path. */
function fileOf(key: string, { files }: Walk): { key: string; state: FileState } | undefined {
  const section = key.replace(/~\d+$/, '');
  const hash = section.lastIndexOf('#');
  for (const name of [key, section, hash > 0 ? section.slice(0, hash) : key]) {
    const state = files.get(name);
    if (state) return { key: name, state };
  }
  return undefined;
}

function realFolder(path: string): string {
  try {
    const root = realpathSync(path);
    if (statSync(root).isDirectory()) return root;
  } catch {
    // Said below.
  }
  throw new Error(`${path} is not a folder that can be read: give the folder of your documents`);
}
