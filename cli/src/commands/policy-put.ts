import { PutPolicyResponseSchema } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { usageFailure } from '../failure.ts';
import { readPolicies, sourceOf, withPolicies } from '../policy/sources.ts';
import { jsonText, protoJson } from '../present.ts';
import { nameAndVersion } from '../render/policies.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly comment?: string;
  readonly etag?: string;
}

/** Adds `weir policy put`. */
export function addPolicyPut(parent: Command, shell: Shell): void {
  parent
    .command('put')
    .summary('puts policies into force')
    .description(
      'Puts policies in YAML or JSON into force, each as a new version, on every router within a\n' +
        'second. One with faults changes nothing. The same content again makes no version.',
    )
    .argument('<file...>', 'policies; - is standard input')
    .option('-m, --comment <text>', 'why, for people')
    .option('--etag <etag>', 'only in the place of the version with this etag')
    .addHelpText(
      'after',
      examples(
        ['weir policy put rules.yaml -m "contractors see no salaries"', 'put one into force'],
        ['weir policy put policies/*.yaml', 'put several into force, one after the other'],
      ),
    )
    .action(async (files: string[], _options: Options, command: Command) => {
      const { comment = '', etag = '', json } = command.optsWithGlobals();
      if (etag !== '' && files.length > 1) throw oneEtag();
      // All are read before the first is sent, so that a misspelt file changes nothing.
      const documents = await readPolicies(shell, files);
      const { weir, signal } = await openCall<Options>(shell, command);
      const results: unknown[] = [];
      try {
        for (const document of documents) {
          const request = { policy: sourceOf(document), comment, etag };
          const answer = await withPolicies([document], () =>
            weir.policy.putPolicy(request, { signal }),
          );
          results.push(protoJson(PutPolicyResponseSchema, answer));
          if (!json) shell.terminal.out(`in force: ${nameAndVersion(answer.policy)}\n`);
        }
      } finally {
        if (json) shell.terminal.out(jsonText({ results }));
      }
    });
}

function oneEtag() {
  return usageFailure('An etag belongs to one policy.', 'Put one file at a time with --etag.');
}
