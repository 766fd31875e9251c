import { defineContext, defineProvider } from '@weir/sdk/provider';
import { listPage } from '../listing.ts';
import { type ReadyProvider, readyProvider } from '../ready.ts';
import { openDocsFolder } from './folder.ts';

/** What `docsProvider` serves. */
export interface DocsProviderOptions {
  /** The folder of Markdown and text files. Hidden files, `node_modules` and links are left out. */
  readonly folder: string;
  /** The provider's name. Default: `docs`. */
  readonly name?: string;
  /** How often the folder may be walked for new files, in milliseconds. Default: 1,000. */
  readonly refreshMs?: number;
}

/**
 * Offers the documents of a folder as `DocChunk`, cut at their headings: `README.md#install`, and
 * `README.md` for what stands before the first heading. Files up to 1 MiB, 10,000 of them, 32 MiB
 * in all; changes are noticed when the documents are next asked for.
 *
 * @throws {Error} when there is no such folder.
 */
export function docsProvider(options: DocsProviderOptions): ReadyProvider {
  const folder = openDocsFolder(options.folder, options.refreshMs ?? 1_000);
  const chunks = defineContext({
    type: 'DocChunk',
    version: '1.0.0',
    scope: 'tenant',
    ttlMs: 10_000,
    staleWhileRevalidateMs: 60_000,
    sensitivity: 'internal',
    async fetch({ key, signal }) {
      const chunk = await folder.find(key, signal);
      if (!chunk) return undefined;
      const { value, etag, source } = chunk;
      return { value, etag, source };
    },
    async list(query) {
      return listPage(await folder.all(query.signal), query);
    },
  });
  const provider = defineProvider({
    name: options.name ?? 'docs',
    version: '1.0.0',
    title: 'Documents',
    description: 'Markdown and text files of a folder, cut at their headings.',
    tags: ['documents', 'markdown'],
    category: 'documents',
    contexts: [chunks],
  });
  return readyProvider(provider);
}
