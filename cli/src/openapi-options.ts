import { resolve } from 'node:path';
import type { OpenApiOptions } from '@weir/generator';
import type { Command } from 'commander';
import { exitCodes } from './exit-codes.ts';
import { Failure } from './failure.ts';
import { parseNamed, parseTexts } from './options.ts';
import type { Shell } from './shell.ts';

/** What can be said of a document on the command line. */
export interface DocumentOptions {
  readonly name?: string;
  readonly typePrefix?: string;
  readonly include?: readonly string[];
  readonly server?: string;
  readonly serverVariable?: Readonly<Record<string, string>>;
  readonly secret?: Readonly<Record<string, string>>;
  readonly enable?: readonly string[];
  readonly allowExternal?: boolean;
  readonly allowPrivate?: readonly string[] | true;
}

/** Adds the options that say what becomes of a document. */
export function withDocumentOptions(command: Command): Command {
  return command
    .argument('<document>', 'the OpenAPI document: a file or a URL')
    .option('--name <name>', 'the name of the provider (default: from the title)')
    .option('--type-prefix <prefix>', 'what the names of its types begin with, such as Crm')
    .option(
      '--include <patterns>',
      'only operations whose id or path fits; * is any text',
      parseTexts,
    )
    .option('--server <url>', "the API's address, or the number of a server in the document")
    .option('--server-variable <name=value>', 'a variable of the server (repeatable)', parseNamed)
    .option('--secret <scheme=reference>', 'such as oauth=secret://crm (repeatable)', parseNamed)
    .option('--enable <operations>', 'operations to offer; * is any text', parseTexts)
    .option('--allow-external', 'follow references to other files and addresses')
    .option(
      '--allow-private [networks]',
      'call private addresses and this machine too, or these networks',
      parseTexts,
    );
}

/** The same as the generator takes it. */
export function documentOptions(
  document: string,
  options: DocumentOptions,
  { cwd, env, signal }: Pick<Shell, 'cwd' | 'env' | 'signal'>,
): OpenApiOptions {
  const { name, typePrefix, include, server, serverVariable, secret, enable, allowExternal } =
    options;
  const given = env.WEIR_OUTBOUND_ALLOW?.split(',').map((each) => each.trim()) ?? [];
  const allowed =
    options.allowPrivate === true ? ['loopback', 'private'] : (options.allowPrivate ?? []);
  return {
    location: /^https?:\/\//i.test(document) ? document : resolve(cwd, document),
    ...{
      name,
      typePrefix,
      include,
      server,
      serverVariables: serverVariable,
      secrets: secret,
      enable,
    },
    allowExternal,
    outboundAllow: [...given.filter((each) => each !== '' && each !== 'none'), ...allowed],
    signal,
  };
}

/** Loads the generator, which nothing else needs, and tells its errors as those of a command. */
export async function withGenerator<T>(
  act: (generator: typeof import('@weir/generator')) => Promise<T>,
): Promise<T> {
  const generator = await import('@weir/generator');
  try {
    return await act(generator);
  } catch (error) {
    if (error instanceof generator.DocumentError) {
      const faults = error.faults.map(({ place, text }) => `${place}: ${text}`);
      const mend = 'Nothing was written.';
      throw new Failure(exitCodes.usage, 'The document cannot be used.', { faults, mend });
    }
    if (error instanceof generator.ProjectError || error instanceof TypeError) {
      throw new Failure(exitCodes.usage, error.message, { mend: 'Nothing was written.' });
    }
    throw error;
  }
}
