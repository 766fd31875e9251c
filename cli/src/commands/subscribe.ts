import type { DeliveredEvent, Weir } from '@weir/sdk';
import { type Command, Option } from 'commander';
import { type Call, openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { parseLimit } from '../options.ts';
import { eventJson, renderEvent } from '../render/events.ts';
import type { Shell } from '../shell.ts';
import { tellOnce } from '../tell-once.ts';

interface Options {
  readonly from?: 'latest' | 'earliest';
  readonly cursor?: string;
  readonly fetch?: boolean;
  readonly latestOnly?: boolean;
  readonly maxPerSecond?: number;
  readonly purpose?: string;
  readonly count?: number;
}

/** Adds `weir subscribe`. */
export function addSubscribe(program: Command, shell: Shell): void {
  program
    .command('subscribe')
    .summary('shows events as they come')
    .description(
      'Shows the events of some topics as they come, until it is interrupted; then it says from which\n' +
        'cursor to go on. Where Weir cannot be reached it tries again.',
    )
    .argument('<topic...>', "page.updated, 'page.*' for all that begin so, or '*' for all")
    .addOption(new Option('--from <place>', 'where to begin').choices(['latest', 'earliest']))
    .option('--cursor <cursor>', 'where to go on, as said at the end of the time before')
    .option('--fetch', "show the items of the events' refs too")
    .option('--latest-only', 'of events of one key that wait, only the latest')
    .option('--max-per-second <number>', 'the most events in a second', parseLimit)
    .option('--purpose <name>', 'what the events are for, where a policy asks, such as support')
    .option('--count <number>', 'end after so many', parseLimit)
    .addHelpText(
      'after',
      examples(
        ['weir subscribe page.updated', 'what comes from now on'],
        ["weir subscribe '*' --from earliest --count 10", 'the oldest ten that are kept'],
        ["weir subscribe 'page.*' --fetch", 'with the items as they are now'],
        ["weir subscribe 'page.*' --json | jq -r .event.key", 'a line of JSON for each'],
      ),
    )
    .action((topics: string[], _options: Options, command: Command) =>
      runSubscribe(shell, command, topics),
    );
}

async function runSubscribe(
  shell: Shell,
  command: Command,
  topics: readonly string[],
): Promise<void> {
  const call = await openCall<Options>(shell, command);
  const { terminal } = shell;
  const { json, count = Number.POSITIVE_INFINITY, cursor: begin = '' } = call.options;
  let shown = 0;
  let cursor = begin;
  const onCursor = (next: string) => {
    cursor = next;
  };
  try {
    for await (const event of eventsOf(call, topics, { onCursor, onBreak: tellOnce(shell) })) {
      terminal.out(json ? eventJson(event) : renderEvent(event, terminal));
      // Leaving it, nobody says that it was handled.
      cursor = event.cursor;
      shown += 1;
      if (shown >= count) break;
    }
  } finally {
    if (cursor !== '' && cursor !== begin) terminal.err(`Go on with --cursor ${cursor}\n`);
  }
}

function eventsOf(
  { weir, options, signal }: Call<Options>,
  topics: readonly string[],
  told: Pick<NonNullable<Parameters<Weir['subscribe']>[1]>, 'onCursor' | 'onBreak'>,
): AsyncIterable<DeliveredEvent> {
  const { from, cursor, fetch, latestOnly, maxPerSecond, purpose } = options;
  const asked = { from, cursor, fetch, latestOnly, maxPerSecond, purpose };
  return weir.subscribe(topics, { ...asked, ...told, signal });
}
