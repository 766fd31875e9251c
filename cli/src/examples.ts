/** Help text with examples: each a command and what it does. */
export function examples(...lines: readonly (readonly [command: string, does: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  const rows = lines.map(([command, does]) => `  $ ${command.padEnd(width)}  # ${does}`);
  return `\nExamples:\n${rows.join('\n')}`;
}
