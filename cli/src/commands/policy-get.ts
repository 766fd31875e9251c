import { GetPolicyResponseSchema } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { type Command, InvalidArgumentError } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { parseNameAndVersion } from '../options.ts';
import { policyText } from '../policy/document.ts';
import { present } from '../present.ts';
import type { Shell } from '../shell.ts';

/** Adds `weir policy get`. */
export function addPolicyGet(parent: Command, shell: Shell): void {
  parent
    .command('get')
    .summary('shows a policy')
    .description(
      'Shows a version of a policy, as a document that can be changed and put into force again.\n' +
        'The comments of the document that it was put from are not kept.',
    )
    .argument('<name[@version]>', 'its name; with a version, else the one in force', parseVersioned)
    .addHelpText(
      'after',
      examples(
        ['weir policy get starter', 'the version in force'],
        ['weir policy get starter@1 > starter.yaml', 'an older one, as a file'],
      ),
    )
    .action(async (which: { name: string; version: number }, _options, command: Command) => {
      const { weir, options, signal } = await openCall(shell, command);
      const answer = await weir.policy.getPolicy(which, { signal });
      present(shell.terminal, options.json, {
        schema: GetPolicyResponseSchema,
        message: answer,
        render: () => (answer.policy ? policyText(answer.policy) : ''),
      });
    });
}

function parseVersioned(text: string): { name: string; version: number } {
  const { name, version } = parseNameAndVersion(text);
  if (!/^\d{0,9}$/.test(version)) {
    throw new InvalidArgumentError('Versions of policies are numbers, such as starter@2.');
  }
  return { name, version: Number(version) };
}
