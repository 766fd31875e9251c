import type { ContextItem, ContextRef, FetchOptions, Weir } from '@weir/sdk';
import { ItemResultSchema } from '@weir/sdk/gen/weir/context/v1/context_pb';
import type { Command } from 'commander';
import { type Call, openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { exitCodes } from '../exit-codes.ts';
import { usageFailure } from '../failure.ts';
import { parseDurationMs, parseQuality, parseTimeMs } from '../options.ts';
import { jsonText, protoJson } from '../present.ts';
import { readRefs } from '../refs.ts';
import {
  isRefused,
  type Outcome,
  renderOutcome,
  renderOutcomeHead,
  renderTotals,
} from '../render/outcome.ts';
import { oneLine } from '../render/text.ts';
import { readValue } from '../render/value.ts';
import { saveTo } from '../save.ts';
import type { Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';
import { toWireRef, toWireResult } from '../wire.ts';

interface Options {
  readonly provider?: string;
  readonly maxAge?: number;
  readonly itemTimeout?: number;
  readonly minQuality?: number;
  readonly purpose?: string;
  readonly stream?: boolean;
  readonly raw?: boolean;
  readonly output?: string;
}

/** What became of a ref, with the item as the SDK has it. */
interface Fetched extends Outcome {
  readonly item: ContextItem<unknown> | undefined;
}

/** Shows outcomes, one by one and at the end. */
interface Display {
  show(outcome: Fetched): void | Promise<void>;
  end(outcomes: readonly Outcome[], timeMs: number): void;
}

/** Adds `weir fetch`. */
export function addFetch(program: Command, shell: Shell): void {
  program
    .command('fetch')
    .summary('fetches context, many items in one call')
    .description(
      'Fetches items in one call and shows each with its status, source, cache state, age and value.\n' +
        'A ref is TYPE/KEY, or TYPE@RANGE/KEY to accept only some versions of the type; the key is\n' +
        'everything after the first slash. An item that is refused is shown beside those that worked.',
    )
    .argument('<ref...>', 'what to fetch, such as DocChunk/README.md')
    .option('--provider <name>', 'ask this provider only')
    .option('--max-age <time>', 'accept no older value, such as 5s', parseDurationMs)
    .option(
      '--item-timeout <time>',
      'the time for each item; one that is late is refused',
      parseTimeMs,
    )
    .option('--min-quality <quality>', 'the least quality to accept, from 0 to 1', parseQuality)
    .option('--purpose <name>', 'what the call is for, where a policy asks, such as support')
    .option('--stream', 'show each item as soon as it is there (with --json: a line for each)')
    .option('--raw', 'write the values only, byte for byte, in their order')
    .option('--output <file>', 'save the value of one item, of any size, to a file')
    .addHelpText(
      'after',
      examples(
        ['weir fetch DocChunk/README.md#install', 'one item'],
        ['weir fetch DocChunk/README.md SQLSchema/weir --timeout 2s', 'several at once'],
        ["weir fetch 'DocChunk@^1/README.md' --max-age 0s", 'a version range; fetched anew'],
        ['weir fetch SQLSchema/weir --raw | jq .tables', 'the value alone'],
        ['weir fetch DocChunk/README.md --output readme.json', 'the value, saved'],
        ["weir fetch SQLSchema/weir --json | jq '.results[0].item.value'", 'the whole answer'],
      ),
    )
    .action((texts: string[], _options: Options, command: Command) =>
      runFetch(shell, command, texts),
    );
}

async function runFetch(shell: Shell, command: Command, texts: readonly string[]): Promise<void> {
  const { provider } = command.opts<Options>();
  const refs = readRefs(texts, provider);
  const call = await openCall<Options>(shell, command);
  const display = displayFor(shell, call, refs.length);
  const {
    maxAge: maxAgeMs,
    itemTimeout: itemTimeoutMs,
    minQuality,
    purpose,
    stream,
  } = call.options;
  const { signal, timeoutMs } = call;
  const settings = { maxAgeMs, itemTimeoutMs, minQuality, purpose, signal, timeoutMs };
  const start = performance.now();
  const outcomes: Outcome[] = [];
  for await (const outcome of gather(call.weir, refs, { ...settings, stream })) {
    outcomes.push(outcome);
    await display.show(outcome);
  }
  display.end(outcomes, performance.now() - start);
  if (outcomes.some(isRefused)) shell.finish(exitCodes.refused);
}

async function* gather(
  weir: Weir,
  refs: readonly ContextRef[],
  { stream, ...options }: FetchOptions & { readonly stream: boolean | undefined },
): AsyncIterable<Fetched> {
  // Large values are read when it is clear what becomes of them.
  const settings = { ...options, links: 'keep' } as const;
  const outcomes = stream ? weir.stream(refs, settings) : await weir.fetch(refs, settings);
  for await (const outcome of outcomes) {
    const item = outcome.ok ? outcome.item : undefined;
    yield { ref: toWireRef(outcome.ref), result: toWireResult(outcome), item };
  }
}

function displayFor({ terminal }: Shell, call: Call<Options>, sharers: number): Display {
  const { options } = call;
  if (options.output !== undefined) {
    if (sharers === 1 && !options.raw) return savingDisplay(terminal, call, options.output);
    throw usageFailure('--output saves the value of one item', 'Give one ref, and no --raw.');
  }
  if (options.raw) return rawDisplay(terminal, call);
  if (options.json) return options.stream ? jsonLines(terminal) : jsonDocument(terminal);
  return {
    show: (outcome) => terminal.out(`${renderOutcome(outcome, terminal, sharers)}\n`),
    end: (outcomes, timeMs) => terminal.out(renderTotals(outcomes, timeMs)),
  };
}

function rawDisplay(terminal: Terminal, { weir, signal, timeoutMs }: Call<Options>): Display {
  return {
    async show(outcome) {
      const { item } = outcome;
      if (!item) return terminal.err(renderOutcomeHead(outcome, terminal));
      for await (const piece of weir.readValue(item, { signal, timeoutMs })) {
        await terminal.outBytes(piece);
      }
    },
    end: () => {},
  };
}

function savingDisplay(terminal: Terminal, call: Call<Options>, path: string): Display {
  const { weir, signal, timeoutMs } = call;
  return {
    async show(outcome) {
      const { item } = outcome;
      if (!item) return terminal.err(renderOutcomeHead(outcome, terminal));
      const sizeBytes = await saveTo(path, weir.readValue(item, { signal, timeoutMs }));
      terminal.err(`Saved ${sizeBytes} bytes of ${oneLine(item.contentType)} to ${path}.\n`);
    },
    end: () => {},
  };
}

function jsonDocument(terminal: Terminal): Display {
  return {
    show: () => {},
    end(outcomes, timeMs) {
      const refused = outcomes.filter(isRefused).length;
      const counts = { items: outcomes.length - refused, refused };
      terminal.out(jsonText({ results: outcomes.map(outcomeJson), timeMs, ...counts }));
    },
  };
}

function jsonLines(terminal: Terminal): Display {
  return {
    show: (outcome) => terminal.out(`${JSON.stringify(outcomeJson(outcome))}\n`),
    end: () => {},
  };
}

/** The result as the contract's JSON, with the ref beside it and the value beside its bytes. */
function outcomeJson({ ref, result }: Outcome): Record<string, unknown> {
  const { type, key, versionRange, provider } = ref;
  const json = protoJson(ItemResultSchema, result) as Record<string, unknown>;
  const head = { ref: { type, key, versionRange, provider }, ...json };
  if (result.outcome.case !== 'item') return head;
  const value = readValue(result.outcome.value);
  const item = json.item as Record<string, unknown>;
  if (value.kind === 'json') return { ...head, item: { ...item, value: value.value } };
  if (value.kind === 'text') return { ...head, item: { ...item, value: value.text } };
  return head;
}
