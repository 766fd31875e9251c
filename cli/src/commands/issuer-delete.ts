import { DeleteIssuerResponseSchema } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { present } from '../present.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly tenant?: string;
}

/** Adds `weir issuer delete`. */
export function addIssuerDelete(parent: Command, shell: Shell): void {
  parent
    .command('delete')
    .summary('believes the tokens of an issuer no longer')
    .description('Believes the tokens of an issuer no longer. Streams under way with them end.')
    .argument('<name>', 'its name')
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .addHelpText('after', examples(['weir issuer delete sso', 'one issuer']))
    .action(async (name: string, _options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { tenant = '' } = options;
      const answer = await weir.admin.deleteIssuer({ name, tenant }, { signal });
      present(shell.terminal, options.json, {
        schema: DeleteIssuerResponseSchema,
        message: answer,
        render: () => `deleted ${name}\n`,
      });
    });
}
