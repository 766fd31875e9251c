import type { Command } from 'commander';
import { usageFailure } from '../failure.ts';

/** Adds `weir help`, which takes commands of any depth. */
export function addHelp(program: Command): void {
  program
    .command('help')
    .summary('shows help for a command')
    .description('Shows help for a command.')
    .argument('[command...]', 'the command, such as provider register')
    .action((names: string[]) => {
      let command = program;
      for (const name of names) {
        const inside = command.commands.find((each) => each.name() === name);
        if (inside === undefined) {
          throw usageFailure(`There is no command "${names.join(' ')}".`, 'See `weir help`.');
        }
        command = inside;
      }
      command.outputHelp();
    });
}
