import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { DiffPoliciesResponseSchema } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { parseMoment, parseWhole } from '../options.ts';
import { readPolicies, sourceOf, withPolicies } from '../policy/sources.ts';
import { present } from '../present.ts';
import { renderDiff } from '../render/decisions.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly from?: Date;
  readonly to?: Date;
  readonly maxItems?: number;
  readonly without?: readonly string[];
}

/** The greatest number of items that one call decides anew. */
const ITEMS_MAX = 1_000_000;

/** Adds `weir policy diff`. */
export function addPolicyDiff(parent: Command, shell: Shell): void {
  parent
    .command('diff')
    .summary('says what policies would have changed')
    .description(
      'Decides recorded calls anew, with the policies given in the place of those of the same\n' +
        'names, and says what would change. Changes nothing.',
    )
    .argument('[file...]', 'policies to try')
    .option('--from <time>', 'calls from then on (default: 24 hours before the end)', parseMoment)
    .option('--to <time>', 'calls up to then (default: now)', parseMoment)
    .option(
      '--max-items <number>',
      'how many items at most, newest first (default: 100000)',
      (text) => parseWhole(text, { least: 1, greatest: ITEMS_MAX }),
    )
    .option('--without <policy...>', 'policies that are left out')
    .addHelpText(
      'after',
      examples(
        ['weir policy diff rules.yaml', "against the last day's calls"],
        ['weir policy diff rules.yaml --from 7d --to 1d', 'against those of a week'],
        ['weir policy diff --without contractors', 'as if a policy were gone'],
      ),
    )
    .action(async (files: string[], _options: Options, command: Command) => {
      const documents = await readPolicies(shell, files);
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { from, to, maxItems = 0, without = [] } = options;
      const request = {
        policies: documents.map(sourceOf),
        without: [...without],
        maxItems,
        ...(from && { from: timestampFromDate(from) }),
        ...(to && { to: timestampFromDate(to) }),
      };
      const answer = await withPolicies(documents, () =>
        weir.policy.diffPolicies(request, { signal }),
      );
      present(shell.terminal, options.json, {
        schema: DiffPoliciesResponseSchema,
        message: answer,
        render: (screen) => renderDiff(answer, screen),
      });
    });
}
