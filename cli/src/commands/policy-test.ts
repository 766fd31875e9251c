import type { JsonObject } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Weir } from '@weir/sdk';
import type { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { TestPoliciesResponseSchema } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { type Command, Option } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { exitCodes } from '../exit-codes.ts';
import { parseMoment, parseSensitivity, sensitivityNames } from '../options.ts';
import { type ActionOptions, readAction } from '../policy/action.ts';
import { readPolicies, sourceOf, withPolicies } from '../policy/sources.ts';
import { namePrincipal, parseAttribute, parsePair } from '../policy/subject.ts';
import { present } from '../present.ts';
import { readRefs } from '../refs.ts';
import { renderDecisions } from '../render/decisions.ts';
import type { Shell } from '../shell.ts';
import { toWireRef } from '../wire.ts';

interface Options extends ActionOptions {
  readonly as: string;
  readonly attribute?: JsonObject;
  readonly consumer?: string;
  readonly authentication?: string;
  readonly purpose?: string;
  readonly time?: Date;
  readonly network?: string;
  readonly sensitivity?: Sensitivity;
  readonly label?: Record<string, string>;
  readonly owner?: string;
  readonly provider?: string;
  readonly without?: readonly string[];
}

/** Adds `weir policy test`. */
export function addPolicyTest(parent: Command, shell: Shell): void {
  const command = parent
    .command('test')
    .summary('says what policies would decide')
    .description(
      'Says what is decided of refs for a principal, and why: under the policies in force, with\n' +
        'those given in the place of those of the same names. Changes nothing. Items are fetched\n' +
        'where their attributes matter, unless attributes are given.',
    )
    .argument('[file...]', 'policies to try; none: those in force are tested')
    .requiredOption(
      '--as <principal>',
      'who is decided for: a name, or user:NAME, agent:NAME, service:NAME',
    );
  for (const option of testOptions()) command.addOption(option);
  command
    .addHelpText(
      'after',
      examples(
        ['weir policy test rules.yaml --as user:lin --fetch SQLSchema/hr', 'may lin read it?'],
        ['weir policy test --as bot --list DocChunk/README.md', 'under what is in force'],
        [
          'weir policy test rules.yaml --as bot --attribute roles=guest --fetch DocChunk/a',
          'as if the bot were a guest',
        ],
      ),
    )
    .action((files: string[], _options: Options, self: Command) => test(shell, files, self));
}

function testOptions(): Option[] {
  return [
    new Option('--fetch <ref...>', 'what is read'),
    new Option('--list <ref...>', 'what is found in lists and searches'),
    new Option('--subscribe <ref...>', 'what changes are told of'),
    new Option('--call <ref...>', 'what is called'),
    new Option('--administer <ref...>', 'what is administered, such as AdminService/CreateKey'),
    new Option(
      '--attribute <name=value>',
      'an attribute of the principal, such as clearance=2, for its own',
    ).argParser(parseAttribute),
    new Option('--consumer <name>', 'the consumer that it calls as'),
    new Option('--authentication <how>', 'how it proved who it is').choices([
      'key',
      'token',
      'certificate',
      'registration',
    ]),
    new Option('--purpose <name>', 'what the call is for'),
    new Option('--time <time>', 'when, such as 2027-01-31T18:00:00Z (default: now)').argParser(
      parseMoment,
    ),
    new Option('--network <address>', 'from which address (default: yours)'),
    new Option('--sensitivity <name>', `of the items: ${sensitivityNames.join(', ')}`).argParser(
      parseSensitivity,
    ),
    new Option('--label <name=value>', 'a label of the items').argParser(parsePair),
    new Option('--owner <name>', 'the owner of the items'),
    new Option('--provider <name>', 'ask this provider only'),
    new Option('--without <policy...>', 'policies that are left out'),
  ];
}

async function test(shell: Shell, files: string[], command: Command): Promise<void> {
  const given = command.opts<Options>();
  const { action, refs: texts } = readAction(given);
  const refs = readRefs(texts, given.provider).map(toWireRef);
  const documents = await readPolicies(shell, files);
  const { weir, options, signal } = await openCall<Options>(shell, command);
  const request = {
    policies: documents.map(sourceOf),
    without: [...(given.without ?? [])],
    subject: await subjectOf(weir, given, signal),
    action,
    refs,
    ...circumstancesOf(given),
  };
  const answer = await withPolicies(documents, () => weir.policy.testPolicies(request, { signal }));
  present(shell.terminal, options.json, {
    schema: TestPoliciesResponseSchema,
    message: answer,
    render: (screen) => renderDecisions(refs, answer.decisions, screen),
  });
  const allowed = answer.decisions.every(({ effect }) => effect === Effect.ALLOW);
  if (!allowed) shell.finish(exitCodes.refused);
}

async function subjectOf(weir: Weir, given: Options, signal: AbortSignal) {
  const { attribute, consumer = '', authentication = '' } = given;
  const principal = await namePrincipal(weir, given.as, signal);
  return { principal, consumer, authentication, ...(attribute && { attributes: attribute }) };
}

function circumstancesOf({ purpose = '', network = '', time, ...given }: Options) {
  const { sensitivity, label: labels, owner } = given;
  const item = {
    ...(sensitivity !== undefined && { sensitivity }),
    ...(labels && { labels }),
    ...(owner !== undefined && { owner }),
  };
  return {
    purpose,
    network,
    ...(time && { time: timestampFromDate(time) }),
    ...(Object.keys(item).length > 0 && { item }),
  };
}
