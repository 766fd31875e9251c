import { CreateTenantResponseSchema } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { present } from '../present.ts';
import { renderNewKey } from '../render/keys.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly title?: string;
}

/** Adds `weir tenant create`. */
export function addTenantCreate(parent: Command, shell: Shell): void {
  parent
    .command('create')
    .summary('creates a tenant, and shows the key of its administrator once')
    .description(
      'Creates a tenant with a first administrator, "admin", and shows its key, this once.\n' +
        'Needs the scope platform.',
    )
    .argument('<name>', 'its name')
    .option('--title <text>', 'what people call it')
    .addHelpText('after', examples(['weir tenant create acme --title "Acme Ltd"', 'a new tenant']))
    .action(async (name: string, _options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const answer = await weir.admin.createTenant(
        { name, title: options.title ?? '' },
        { signal },
      );
      present(shell.terminal, options.json, {
        schema: CreateTenantResponseSchema,
        message: answer,
        render: (screen) =>
          `created tenant ${name}\n\n${renderNewKey(answer.secret, answer.key, screen)}`,
      });
    });
}
