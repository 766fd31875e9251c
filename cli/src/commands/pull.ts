import type { WorkEvent } from '@weir/sdk';
import { type Command, Option } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { parseLimit } from '../options.ts';
import { eventJson, renderEvent } from '../render/events.ts';
import type { Shell } from '../shell.ts';
import { tellOnce } from '../tell-once.ts';

interface Options {
  readonly from?: 'latest' | 'earliest';
  readonly fetch?: boolean;
  readonly dead?: boolean;
  readonly requeue?: boolean;
  readonly reset?: boolean;
  readonly purpose?: string;
  readonly count?: number;
}

/** Adds `weir pull`. */
export function addPull(program: Command, shell: Shell): void {
  program
    .command('pull')
    .summary('takes events off a group of workers')
    .description(
      'Shows the events of a group one by one and acknowledges each when it is shown, until it is\n' +
        'interrupted. The workers of a group share its events; the first pull makes the group.\n' +
        'With --requeue it shows what it gives back, and ends when there is no more of it.',
    )
    .argument('<group>', 'the name of the group')
    .argument('[topic...]', "page.updated, 'page.*' or '*'; left out: those that the group has")
    .addOption(new Option('--from <place>', 'where it begins').choices(['latest', 'earliest']))
    .option('--fetch', "show the items of the events' refs too")
    .option('--dead', 'take its dead letters in place of its events')
    .addOption(
      new Option('--requeue', 'give its dead letters back, as events that were never tried')
        .conflicts(['from', 'fetch', 'reset'])
        .implies({ dead: true }),
    )
    .option('--reset', 'make the group anew; what was out, waited or was dead is forgotten')
    .option('--purpose <name>', 'what the events are for, where a policy asks, such as support')
    .option('--count <number>', 'end after so many', parseLimit)
    .addHelpText(
      'after',
      examples(
        ["weir pull mailers 'page.*' --from earliest", 'one after the other, as they come'],
        ['weir pull mailers --count 10 --json', 'ten, a line of JSON for each'],
        ['weir pull mailers --dead', 'what failed too often; it is gone then'],
        ['weir pull mailers --dead --requeue', 'what failed too often is tried again'],
      ),
    )
    .action((group: string, topics: string[], _options: Options, command: Command) =>
      runPull(shell, command, { group, topics }),
    );
}

async function runPull(
  shell: Shell,
  command: Command,
  { group, topics }: { readonly group: string; readonly topics: readonly string[] },
): Promise<void> {
  const { weir, options, signal } = await openCall<Options>(shell, command);
  const { terminal } = shell;
  const { json, from, fetch, purpose, dead: deadLetters, reset } = options;
  const { count = Number.POSITIVE_INFINITY } = options;
  const show = (event: WorkEvent) =>
    terminal.out(json ? eventJson(event) : renderEvent(event, terminal));
  if (options.requeue) {
    await weir.requeue(group, { limit: count, purpose, signal, onRequeued: show });
    return;
  }
  const enough = new AbortController();
  let shown = 0;
  const asked = { from, fetch, purpose, deadLetters, reset, onBreak: tellOnce(shell) };
  await weir.work(
    group,
    topics,
    (event) => {
      show(event);
      shown += 1;
      if (shown >= count) enough.abort();
    },
    { ...asked, signal: AbortSignal.any([signal, enough.signal]) },
  );
  signal.throwIfAborted();
}
