import { PutIssuerResponseSchema } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import type { Issuer, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { parseNamed, parseScopes, parseTexts } from '../options.ts';
import { collectPages } from '../pages.ts';
import { present } from '../present.ts';
import { renderIssuers } from '../render/issuers.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly issuer: string;
  readonly audience: string[];
  readonly principalClaim?: string;
  readonly principalPrefix?: string;
  readonly attribute?: Record<string, string>;
  readonly scope?: Scope[];
  readonly algorithm?: string[];
  readonly consumer?: string;
  readonly tenant?: string;
}

/** A tenant has 50 issuers at most. */
const ISSUERS_MAX = 100;

/** Adds `weir issuer put`. */
export function addIssuerPut(parent: Command, shell: Shell): void {
  parent
    .command('put')
    .summary('believes the tokens of an issuer, or changes how')
    .description(
      'Believes the access tokens of an OAuth 2 or OpenID Connect issuer. An issuer of the name\n' +
        'is replaced: what is not given is not kept.',
    )
    .argument('<name>', 'its name')
    .requiredOption('--issuer <url>', 'the issuer, as its tokens have it in "iss"')
    .requiredOption(
      '--audience <texts>',
      'what tokens for Weir have in "aud"; one or several with commas',
      parseTexts,
    )
    .option('--principal-claim <claim>', 'the claim that names the principal (default: sub)')
    .option('--principal-prefix <text>', "what stands before it in the principal's name")
    .option(
      '--attribute <name=claim>',
      'a claim that becomes an attribute, such as roles=realm_access.roles; may be repeated',
      parseNamed,
    )
    .option('--scope <scopes>', 'the most that tokens may be used for (default: read)', parseScopes)
    .option('--algorithm <names>', 'algorithms of signatures, with commas', parseTexts)
    .option('--consumer <name>', 'the consumer that its tokens call as')
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .addHelpText(
      'after',
      examples(
        [
          'weir issuer put sso --issuer https://login.example.org --audience weir',
          'principals are named by "sub"',
        ],
        [
          'weir issuer put sso --issuer https://login.example.org/realms/main --audience weir --principal-claim email --attribute roles=realm_access.roles',
          'by e-mail address, with roles',
        ],
      ),
    )
    .action(async (name: string, _options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { tenant = '' } = options;
      const { items } = await collectPages<Issuer>(ISSUERS_MAX, async (page) => {
        const answer = await weir.admin.listIssuers({ tenant, ...page }, { signal });
        return { items: answer.issuers, nextPageToken: answer.nextPageToken };
      });
      const etag = items.find((issuer) => issuer.name === name)?.etag ?? '';
      const issuer = { ...issuerOf(options), name, tenant, etag };
      const answer = await weir.admin.putIssuer({ issuer }, { signal });
      present(shell.terminal, options.json, {
        schema: PutIssuerResponseSchema,
        message: answer,
        render: (screen) =>
          renderIssuers({ items: answer.issuer ? [answer.issuer] : [], more: false }, screen),
      });
    });
}

function issuerOf(options: Options) {
  const {
    issuer: url,
    audience,
    principalClaim = '',
    principalPrefix = '',
    consumer = '',
  } = options;
  return {
    ...{ url, audiences: audience, principalClaim, principalPrefix, consumer },
    attributeClaims: options.attribute ?? {},
    scopes: options.scope ?? [],
    algorithms: options.algorithm ?? [],
  };
}
