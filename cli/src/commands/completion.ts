import { Argument, type Command } from 'commander';
import { shells } from '../completion/candidates.ts';
import { scripts } from '../completion/scripts.ts';
import { examples } from '../examples.ts';
import type { Shell } from '../shell.ts';

/** Adds `weir completion`. */
export function addCompletion(program: Command, { terminal }: Shell): void {
  program
    .command('completion')
    .summary('writes a script that makes a shell complete weir')
    .description(
      'Writes a script that makes a shell complete commands, options, and the names of types, keys\n' +
        'and providers as Weir knows them.',
    )
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .configureHelp({ showGlobalOptions: false })
    .addHelpText(
      'after',
      examples(
        ['source <(weir completion bash)', 'in ~/.bashrc'],
        ['source <(weir completion zsh)', 'in ~/.zshrc, after compinit'],
        ['weir completion fish | source', 'in ~/.config/fish/config.fish'],
      ),
    )
    .action((name: (typeof shells)[number]) => terminal.out(scripts[name]));
}
