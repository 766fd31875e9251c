import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { CreateKeyResponseSchema } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { parseScopes, parseTexts, parseTimeMs, scopeNames } from '../options.ts';
import { present } from '../present.ts';
import { renderNewKey } from '../render/keys.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly principal: string;
  readonly scope?: Scope[];
  readonly consumer?: string;
  readonly permit?: string[];
  readonly requireSignature?: boolean;
  readonly expires?: number;
  readonly title?: string;
  readonly tenant?: string;
}

/** Adds `weir key create`. */
export function addKeyCreate(parent: Command, shell: Shell): void {
  parent
    .command('create')
    .summary('creates a key and shows it, this once')
    .description(
      'Creates a key for a principal and shows it, this once: only a hash of it is kept. A\n' +
        'principal that does not exist is created as a service.',
    )
    .requiredOption('--principal <name>', 'who will call with it')
    .option(
      '--scope <scopes>',
      `what it may be used for: ${scopeNames.join(', ')} (default: read)`,
      parseScopes,
    )
    .option(
      '--permit <permits>',
      'within read, what may be done: such as fetch:DocChunk,list:* (default: everything)',
      parseTexts,
    )
    .option('--require-signature', 'calls must be signed, and the key itself is never sent')
    .option('--consumer <name>', 'the consumer that will call with it')
    .option('--expires <time>', 'how long it works, such as 30d (default: for ever)', parseTimeMs)
    .option('--title <text>', 'what people call it')
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .addHelpText(
      'after',
      examples(
        ['weir key create --principal reporter', 'a key that can read'],
        ['weir key create --principal bot --permit fetch:DocChunk', 'that can fetch one type'],
        ['weir key create --principal ci --scope read,register --expires 30d', 'for 30 days'],
        [
          'weir key create --principal bot --consumer copilot --json | jq -r .secret',
          'the key alone',
        ],
      ),
    )
    .action(async (_options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { principal, scope, consumer = '', expires, title = '', tenant = '' } = options;
      const { permit: permits = [], requireSignature: requiresSignature = false } = options;
      const request = {
        ...{ principal, consumer, title, tenant, scopes: scope ?? [Scope.READ] },
        ...{ permits, requiresSignature },
      };
      const expireTime = expires === undefined ? undefined : timestampFromMs(Date.now() + expires);
      const answer = await weir.admin.createKey(
        { ...request, ...(expireTime && { expireTime }) },
        { signal },
      );
      present(shell.terminal, options.json, {
        schema: CreateKeyResponseSchema,
        message: answer,
        render: (screen) => renderNewKey(answer.secret, answer.key, screen),
      });
    });
}
