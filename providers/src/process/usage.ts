import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/** What was written on the command line cannot be used. Its message is one line, for people. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A flag that takes a value. */
export interface Flag {
  /** What the value is called in the help, such as `DIR`. */
  readonly value: string;
  readonly doc: string;
  /** The variable that is read when the flag is not given. */
  readonly variable?: string;
  readonly required?: boolean;
}

/** The values of flags, by name. */
export type FlagValues = Readonly<Record<string, string | undefined>>;

/** The flags that every provider knows. */
export const commonFlags: Readonly<Record<string, Flag>> = {
  name: { value: 'NAME', doc: 'the name to register under' },
  url: {
    value: 'URL',
    doc: 'where Weir listens (default http://127.0.0.1:7070)',
    variable: 'WEIR_URL',
  },
  key: {
    value: 'KEY',
    doc: 'an API key that may register providers; others on this machine can see it here',
    variable: 'WEIR_KEY',
  },
  'key-file': {
    value: 'FILE',
    doc: 'a file that holds the key (default .weir/admin.key, for a Weir on this machine)',
  },
  host: { value: 'HOST', doc: 'the address to listen on (default 127.0.0.1)' },
  port: { value: 'PORT', doc: 'the port to listen on (default: any free one)' },
  'public-url': { value: 'URL', doc: 'the address that routers are told, if it is another' },
};

/**
 * Reads the command line and the variables; `undefined`: help was asked for.
 *
 * @throws {UsageError} for what is unknown, missing or in excess.
 */
export function readFlags(
  flags: Readonly<Record<string, Flag>>,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): FlagValues | undefined {
  const options: ParseArgsOptionsConfig = { help: { type: 'boolean', short: 'h' } };
  for (const name of Object.keys(flags)) options[name] = { type: 'string' };
  const given = parse(options, args);
  if (given.help) return undefined;
  const values = Object.entries(flags).map(([name, flag]) => {
    const value = given[name] ?? (flag.variable && env[flag.variable]);
    if (value) return [name, String(value)] as const;
    if (given[name] === '') throw new UsageError(`--${name} is empty: give ${flag.value}`);
    if (flag.required) throw new UsageError(missing(name, flag));
    return [name, undefined] as const;
  });
  return Object.fromEntries(values);
}

function parse(options: ParseArgsOptionsConfig, args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, strict: true }).values;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${text.split('. ', 1)[0]}: see --help`);
  }
}

function missing(name: string, { value, doc, variable }: Flag): string {
  const or = variable === undefined ? '' : ` or ${variable}`;
  return `--${name} ${value}${or} is missing: ${doc}`;
}

/** The help of a provider. */
export function helpOf(
  command: string,
  purpose: string,
  flags: Readonly<Record<string, Flag>>,
): string {
  const lines = Object.entries(flags).map(([name, { value, doc, variable }]) => {
    const or = variable === undefined ? '' : `; else ${variable}`;
    return `  ${`--${name} ${value}`.padEnd(20)} ${doc}${or}`;
  });
  return `${purpose}\n\nUsage: ${command} [flags]\n\n${lines.join('\n')}\n`;
}
