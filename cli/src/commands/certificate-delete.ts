import { DeleteCertificateResponseSchema } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { present } from '../present.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly tenant?: string;
}

/** Adds `weir certificate delete`. */
export function addCertificateDelete(parent: Command, shell: Shell): void {
  parent
    .command('delete')
    .summary('believes a client certificate no longer')
    .description('Believes a client certificate no longer. Streams under way with it end.')
    .argument('<name>', 'its name')
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .addHelpText('after', examples(['weir certificate delete agent-a', 'one certificate']))
    .action(async (name: string, _options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { tenant = '' } = options;
      const answer = await weir.admin.deleteCertificate({ name, tenant }, { signal });
      present(shell.terminal, options.json, {
        schema: DeleteCertificateResponseSchema,
        message: answer,
        render: () => `deleted ${name}\n`,
      });
    });
}
