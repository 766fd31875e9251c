import { WhoAmIResponseSchema } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { scopeText } from '../options.ts';
import { present } from '../present.ts';
import { renderFields } from '../render/table.ts';
import type { Shell } from '../shell.ts';

/** Adds `weir whoami`. */
export function addWhoami(program: Command, shell: Shell): void {
  program
    .command('whoami')
    .summary('says who calls with the key in use')
    .description('Says who calls with the key in use, and what the key may be used for.')
    .addHelpText('after', examples(['weir whoami', 'tenant, principal and scopes']))
    .action(async (_options: unknown, command: Command) => {
      const { weir, options, signal } = await openCall(shell, command);
      const answer = await weir.admin.whoAmI({}, { signal });
      present(shell.terminal, options.json, {
        schema: WhoAmIResponseSchema,
        message: answer,
        render: (screen) =>
          renderFields(
            [
              ['tenant', answer.tenant],
              ['principal', answer.principal],
              ['consumer', answer.consumer],
              [answer.authentication || 'key', answer.keyId],
              ['scopes', answer.scopes.map(scopeText).join(', ')],
              ['permits', answer.permits.join(', ')],
            ],
            screen,
          ),
      });
    });
}
