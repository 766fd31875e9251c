import { runProvider } from '../process/run.ts';
import { docsProvider } from './provider.ts';

await runProvider({
  command: 'docs',
  purpose: 'Offers the Markdown and text files of a folder as DocChunk.',
  flags: { docs: { value: 'DIR', doc: 'the folder of the documents', required: true } },
  open: ({ docs = '', name }) => docsProvider({ folder: docs, ...(name && { name }) }),
});
