import type { Command, Option } from 'commander';

/** What stands at the cursor of a command line. */
export type Cursor =
  | { readonly kind: 'option'; readonly line: Line }
  | {
      readonly kind: 'value';
      readonly option: Option;
      readonly line: Line;
      /** What stands before the value in its word, such as `--provider=`. */
      readonly before: string;
    }
  | { readonly kind: 'argument'; readonly line: Line };

/** A command line, as far as the cursor. */
export interface Line {
  /** The command that it names so far. */
  readonly command: Command;
  /** The arguments before the cursor. */
  readonly args: readonly string[];
  /** The values of options before the cursor, by their long flag. */
  readonly values: ReadonlyMap<string, string>;
  /** What has been typed of the word at the cursor. */
  readonly typed: string;
}

/** Reads a command line; the last word is the one at the cursor. */
export function readLine(program: Command, words: readonly string[]): Cursor {
  const before = words.slice(0, -1);
  const typed = words.at(-1) ?? '';
  const args: string[] = [];
  const values = new Map<string, string>();
  let command = program;
  for (let at = 0; at < before.length; at++) {
    const word = before[at] ?? '';
    if (word.startsWith('-')) {
      const option = findOption(command, word);
      if (!option || option.isBoolean() || word.includes('=')) continue;
      const value = before[++at];
      if (value === undefined) {
        return { kind: 'value', option, line: { command, args, values, typed }, before: '' };
      }
      values.set(option.long ?? '', value);
      continue;
    }
    const inside = args.length === 0 ? command.commands.find((c) => c.name() === word) : undefined;
    if (inside) command = inside;
    else args.push(word);
  }
  const inline = /^(--[^=]+)=(.*)$/s.exec(typed);
  const option = inline && findOption(command, typed);
  if (option && !option.isBoolean()) {
    const [, flag, value = ''] = inline;
    const line = { command, args, values, typed: value };
    return { kind: 'value', option, line, before: `${flag}=` };
  }
  const line = { command, args, values, typed };
  return { kind: typed.startsWith('-') ? 'option' : 'argument', line };
}

/** The options of a command and of those above it, nearest first. */
export function optionsOf(command: Command): Option[] {
  const own = command.createHelp().visibleOptions(command);
  const above = command.parent === null ? [] : optionsOf(command.parent);
  return [...own, ...above.filter((option) => !own.some((each) => each.long === option.long))];
}

/** The name of a command with those above it, without the program's: `provider list`. */
export function pathOf(command: Command): string {
  if (command.parent === null) return '';
  return `${pathOf(command.parent)} ${command.name()}`.trim();
}

function findOption(command: Command, word: string): Option | undefined {
  const flag = word.split('=', 1)[0];
  return optionsOf(command).find((option) => option.long === flag || option.short === flag);
}
