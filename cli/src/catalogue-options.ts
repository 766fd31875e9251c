import { Option } from 'commander';
import { parseLimit } from './options.ts';

/** What the options of a list say. */
export interface CatalogueOptions {
  readonly query?: string;
  readonly tag?: string;
  readonly type?: string;
  readonly category?: string;
  readonly limit: number;
}

/** How many things a list shows when --limit does not say. */
const DEFAULT_LIMIT = 100;

/** The option that bounds a list. */
export function limitOption(): Option {
  return new Option('--limit <number>', 'the greatest number to show')
    .argParser(parseLimit)
    .default(DEFAULT_LIMIT);
}

/** The options that choose from a catalogue by words and tag. */
export function searchOptions(): Option[] {
  return [
    new Option('-q, --query <words>', 'words in name, title, description or tags'),
    new Option('--tag <tag>', 'a tag'),
  ];
}

/** What to find in a catalogue. */
export function catalogueFilter(options: CatalogueOptions) {
  const { query: text = '', tag = '', type = '', category = '' } = options;
  return { text, tag, type, category };
}
