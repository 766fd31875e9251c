import type { Command } from 'commander';
import type { GlobalOptions } from '../call.ts';
import { examples } from '../examples.ts';
import { exitCodes } from '../exit-codes.ts';
import { Failure } from '../failure.ts';
import { jsonText } from '../present.ts';
import type { Shell } from '../shell.ts';
import { findUpstream } from '../upstreams.ts';

interface Options {
  readonly tenant?: string;
}

/** Adds `weir upstream sign-in`. */
export function addUpstreamSignIn(parent: Command, shell: Shell): void {
  parent
    .command('sign-in')
    .summary('says where to sign in for its catalogue')
    .description(
      'Shows the address where the operator signs in at an upstream that wants it, so that the\n' +
        'connector can read what there is. Users are asked for themselves when they call.',
    )
    .argument('<name>', 'the upstream')
    .option('--tenant <name>', "the upstream's tenant")
    .addHelpText('after', examples(['weir upstream sign-in crm', 'then open the address']))
    .action(async (name: string, _options: Options, command: Command) => {
      const options = command.optsWithGlobals<Options & GlobalOptions>();
      const { id, state } = await findUpstream(shell, name, options);
      if (state?.signIn === undefined) {
        const how = state?.error ?? (state ? `it is ${state.status}` : 'no connector has seen it');
        throw new Failure(exitCodes.refused, `${id} does not wait for a sign-in: ${how}.`);
      }
      const said = `Open this within 10 minutes, and sign in:\n${state.signIn}\n`;
      shell.terminal.out(options.json ? jsonText({ upstream: id, address: state.signIn }) : said);
    });
}
