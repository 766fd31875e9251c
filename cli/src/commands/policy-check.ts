import { CheckPoliciesResponseSchema } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { readPolicies, sourceOf, withPolicies } from '../policy/sources.ts';
import { present } from '../present.ts';
import { renderCheck } from '../render/policies.ts';
import type { Shell } from '../shell.ts';

/** Adds `weir policy check`. */
export function addPolicyCheck(parent: Command, shell: Shell): void {
  parent
    .command('check')
    .summary('checks policies without putting them into force')
    .description(
      'Checks policies in YAML or JSON without putting them into force. Every fault is named with\n' +
        'line and column; what is no fault but looks like one is remarked on.',
    )
    .argument('<file...>', 'policies; - is standard input')
    .addHelpText('after', examples(['weir policy check rules.yaml', 'what is wrong with it']))
    .action(async (files: string[], _options: unknown, command: Command) => {
      const documents = await readPolicies(shell, files);
      const { weir, options, signal } = await openCall(shell, command);
      const answer = await withPolicies(documents, () =>
        weir.policy.checkPolicies({ policies: documents.map(sourceOf) }, { signal }),
      );
      present(shell.terminal, options.json, {
        schema: CheckPoliciesResponseSchema,
        message: answer,
        render: (screen) => renderCheck(answer, screen),
      });
    });
}
