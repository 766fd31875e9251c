import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RecordFilter, RecordFilterSchema } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type SpanOptions, spanOf, spanOptions } from './span.ts';

/** What the options of a search say. */
export interface FilterOptions
  extends SpanOptions,
    Partial<
      Pick<
        RecordFilter,
        | 'principal'
        | 'consumer'
        | 'credential'
        | 'method'
        | 'type'
        | 'key'
        | 'provider'
        | 'rule'
        | 'effect'
        | 'requestId'
        | 'purpose'
        | 'tenant'
      >
    > {}

/** Adds the options that choose records. */
export function addFilterOptions(command: Command): Command {
  const options = [
    ...spanOptions('24 hours before the end'),
    new Option('--principal <name>', 'calls by this principal'),
    new Option('--consumer <name>', 'calls as this consumer'),
    new Option('--credential <id>', 'calls with this key id, issuer or certificate'),
    new Option('--method <name>', 'calls of this RPC, such as FetchContext'),
    new Option('--type <type>', 'items of this type'),
    new Option('--key <key>', 'items of this key'),
    new Option('--provider <name>', 'items of this provider'),
    new Option('--rule <policy/rule>', 'items decided by this rule'),
    new Option('--effect <effect>', 'items of this effect: allow or deny').argParser(parseEffect),
    new Option('--request-id <id>', 'the call with this request id'),
    new Option('--purpose <purpose>', 'calls stated to be for this'),
    new Option(
      '--tenant <name>',
      'another tenant, or "-" for calls that let nobody in (needs the scope platform)',
    ),
  ];
  for (const option of options) command.addOption(option);
  return command;
}

/** Which records the options choose. */
export function filterOf(options: FilterOptions): MessageInitShape<typeof RecordFilterSchema> {
  const { from: _from, to: _to, in: _in, ...words } = options;
  const { principal = '', consumer = '', credential = '', method = '', type = '' } = words;
  const { key = '', provider = '', rule = '', effect = Effect.UNSPECIFIED } = words;
  const { requestId = '', purpose = '', tenant = '' } = words;
  const who = { principal, consumer, credential, method, purpose, tenant };
  const what = { type, key, provider, rule, effect, requestId };
  return { ...who, ...what, ...spanOf(options) };
}

function parseEffect(text: string): Effect {
  if (text === 'allow') return Effect.ALLOW;
  if (text === 'deny') return Effect.DENY;
  throw new InvalidArgumentError('There are allow and deny.');
}
