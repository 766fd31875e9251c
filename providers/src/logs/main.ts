import { runProvider } from '../process/run.ts';
import { logsProvider } from './provider.ts';

await runProvider({
  command: 'logs',
  purpose: 'Offers the latest entries of a log file as LogEntry.',
  flags: { file: { value: 'FILE', doc: 'the log: JSON lines or plain text', required: true } },
  open: ({ file = '', name }) => logsProvider({ file, ...(name && { name }) }),
});
