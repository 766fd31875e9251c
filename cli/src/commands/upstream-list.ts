import type { Command } from 'commander';
import type { GlobalOptions } from '../call.ts';
import { examples } from '../examples.ts';
import { jsonText } from '../present.ts';
import { renderUpstreams } from '../render/upstreams.ts';
import type { Shell } from '../shell.ts';
import { findUpstreamsFile, loadUpstreams, withFile } from '../upstreams.ts';

/** Adds `weir upstream list`. */
export function addUpstreamList(parent: Command, shell: Shell): void {
  parent
    .command('list')
    .summary('shows the MCP servers that are providers')
    .description('Shows the file of upstreams on this machine, and how each upstream is.')
    .addHelpText('after', examples(['weir upstream list', 'and how each of them is']))
    .action(async (_options: object, command: Command) => {
      const { json } = command.optsWithGlobals<GlobalOptions>();
      const file = await findUpstreamsFile(shell);
      const { readUpstreams, readStates, stateFileOf, idOf } = await loadUpstreams();
      const configs = await withFile(() => readUpstreams(file));
      const states = readStates(stateFileOf(file)) ?? {};
      const all = configs.map((config) => ({ config, state: states[idOf(config)] }));
      shell.terminal.out(json ? jsonText(all) : renderUpstreams(all, shell.terminal));
    });
}
