import type { Command } from 'commander';
import type { GlobalOptions } from '../call.ts';
import { examples } from '../examples.ts';
import { jsonText } from '../present.ts';
import { renderUpstream } from '../render/upstreams.ts';
import type { Shell } from '../shell.ts';
import { findUpstream } from '../upstreams.ts';

interface Options {
  readonly tenant?: string;
}

/** Adds `weir upstream get`. */
export function addUpstreamGet(parent: Command, shell: Shell): void {
  parent
    .command('get')
    .summary('shows one, and what of it waits for approval')
    .description(
      'Shows how an upstream is, and each definition that is kept back, with the reason. Characters\n' +
        'that do not show are written out, as in \\u{200b}.',
    )
    .argument('<name>', 'its name')
    .option('--tenant <name>', 'its tenant')
    .addHelpText('after', examples(['weir upstream get crm', 'and what of it waits']))
    .action(async (name: string, _options: Options, command: Command) => {
      const options = command.optsWithGlobals<Options & GlobalOptions>();
      const { config, state } = await findUpstream(shell, name, options);
      const one = { config, state };
      shell.terminal.out(options.json ? jsonText(one) : renderUpstream(one, shell.terminal));
    });
}
