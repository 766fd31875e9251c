import { defineContext, defineProvider, type ListPage, type ListQuery } from '@weir/sdk/provider';
import { readToken, summarise, writeToken } from '../listing.ts';
import { type ReadyProvider, readyProvider } from '../ready.ts';
import { type LogEntry, type LogLine, toEntry } from './entry.ts';
import { isSeverityWord } from './severity.ts';
import { openLogTail } from './tail.ts';

/** What `logsProvider` serves. */
export interface LogsProviderOptions {
  /** The log file: JSON lines, as pino writes them, or plain text. It need not exist yet. */
  readonly file: string;
  /** The provider's name. Default: `logs`. */
  readonly name?: string;
  /** How often the file may be looked at, in milliseconds. Default: 250. */
  readonly refreshMs?: number;
}

/** What was written stays as it is. */
const ttlMs = 24 * 60 * 60 * 1000;

/**
 * Offers the last 10,000 entries (16 MiB) of a log file as `LogEntry`, newest first. It follows
 * what is appended, and rotation. Words in a list query must all occur in the entry.
 *
 * @throws {Error} when the path cannot be one of a file.
 */
export function logsProvider(options: LogsProviderOptions): ReadyProvider {
  const tail = openLogTail(options.file, options.refreshMs ?? 250);
  const entries = defineContext({
    type: 'LogEntry',
    version: '1.0.0',
    scope: 'tenant',
    ttlMs,
    sensitivity: 'confidential',
    async fetch({ key, signal }) {
      const line = await tail.find(key, signal);
      if (!line) return undefined;
      const value = toEntry(line);
      return { value, source: `${line.log}:${line.offset}`, labels: labelsOf(value) };
    },
    async list(query) {
      return list(await tail.all(query.signal), query);
    },
  });
  const provider = defineProvider({
    name: options.name ?? 'logs',
    version: '1.0.0',
    title: 'Log',
    description: 'The latest entries of a log file.',
    tags: ['logs'],
    category: 'observability',
    contexts: [entries],
  });
  return readyProvider(provider, async () => tail[Symbol.asyncDispose]());
}

function labelsOf({ severityText }: LogEntry): Record<string, string> {
  return severityText ? { severity: severityText.toLowerCase() } : {};
}

/** A page token names the last entry of its page; the next goes on with the one before it in time. */
function list(lines: readonly LogLine[], query: ListQuery): ListPage {
  const { key: last } = readToken(query.pageToken);
  const end = last === undefined ? lines.length : lines.findIndex(({ key }) => key === last);
  const words = query.text.toLowerCase().split(/\s+/).filter(Boolean);
  const page: ListPage['entries'][number][] = [];
  // An entry that is forgotten has none before it that are not.
  for (let index = end - 1; index >= 0; index -= 1) {
    const line = lines[index];
    if (!line?.key.startsWith(query.keyPrefix) || !holds(line, words)) continue;
    if (page.length === query.pageSize) return toPage(page);
    const entry = toListEntry(line);
    // The newer, the better.
    page.push(words.length > 0 ? { ...entry, score: (index + 1) / lines.length } : entry);
  }
  return { entries: page };
}

function toPage(entries: ListPage['entries']): ListPage {
  const last = entries.at(-1);
  return last ? { entries, nextPageToken: writeToken({ key: last.key }) } : { entries };
}

function holds(line: LogLine, words: readonly string[]): boolean {
  const text = line.text.toLowerCase();
  return words.every((word) => text.includes(word) || (isSeverityWord(word) && isOf(line, word)));
}

/** JSON logs write the severity as a number. */
function isOf(line: LogLine, word: string): boolean {
  return toEntry(line).severityText?.toLowerCase() === word;
}

function toListEntry(line: LogLine) {
  const { timestamp, severityText = '', body } = toEntry(line);
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return {
    key: line.key,
    title: summarise(text),
    summary: `${timestamp} ${severityText}`.trim(),
    updateTime: new Date(timestamp),
  };
}
