import { ExplainResponseSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { exitCodes } from '../exit-codes.ts';
import { parseDurationMs, parseTimeMs } from '../options.ts';
import { present } from '../present.ts';
import { readRefs } from '../refs.ts';
import { renderExplain } from '../render/explanation.ts';
import type { Shell } from '../shell.ts';
import { toWireRef } from '../wire.ts';

interface Options {
  readonly provider?: string;
  readonly maxAge?: number;
  readonly itemTimeout?: number;
}

/** Adds `weir explain`. */
export function addExplain(program: Command, shell: Shell): void {
  program
    .command('explain')
    .summary('says why items are routed and served as they are')
    .description(
      'Fetches items as `weir fetch` does and says why each was answered as it was: the providers\n' +
        'considered, what the cache held, each step with its time, and the state of the router.',
    )
    .argument('<ref...>', 'what to explain, such as DocChunk/README.md; up to 256')
    .option('--provider <name>', 'ask this provider only')
    .option('--max-age <time>', 'accept no older value, such as 5s', parseDurationMs)
    .option(
      '--item-timeout <time>',
      'the time for each item; one that is late is refused',
      parseTimeMs,
    )
    .addHelpText(
      'after',
      examples(
        ['weir explain DocChunk/README.md', 'why this one is served as it is'],
        ['weir explain Ticket/1 Metric/nope', 'why these are refused'],
      ),
    )
    .action(async (texts: string[], _options: Options, command: Command) => {
      const refs = readRefs(texts, command.opts<Options>().provider);
      const { weir, options, signal, timeoutMs } = await openCall<Options>(shell, command);
      const { maxAge: maxAgeMs, itemTimeout: itemTimeoutMs, json } = options;
      const answer = await weir.explain(refs, { maxAgeMs, itemTimeoutMs, signal, timeoutMs });
      present(shell.terminal, json, {
        schema: ExplainResponseSchema,
        message: answer,
        render: (screen) => renderExplain(answer, refs.map(toWireRef), screen),
      });
      const served = answer.explanations.every((each) => each.result?.outcome.case === 'item');
      if (!served) shell.finish(exitCodes.refused);
    });
}
