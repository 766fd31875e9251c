import { PutCertificateResponseSchema } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import type { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Command } from 'commander';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { usageFailure } from '../failure.ts';
import { parseScopes, parseTexts } from '../options.ts';
import { present } from '../present.ts';
import { renderCertificates } from '../render/issuers.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly spiffeId?: string;
  readonly subject?: string;
  readonly principal: string;
  readonly consumer?: string;
  readonly scope?: Scope[];
  readonly permit?: string[];
  readonly tenant?: string;
}

/** Adds `weir certificate put`. */
export function addCertificatePut(parent: Command, shell: Shell): void {
  parent
    .command('put')
    .summary('believes a client certificate, or changes whose it is')
    .description(
      'Says which principal calls with a client certificate that an authority of the operator\n' +
        'has signed. Needs the scope platform. A principal that does not exist is created as a\n' +
        'service.',
    )
    .argument('<name>', 'its name')
    .option('--spiffe-id <id>', 'the SPIFFE ID that stands in it')
    .option('--subject <text>', 'or its subject on one line, such as CN=agent-a,O=Example')
    .requiredOption('--principal <name>', 'who calls with it')
    .option('--consumer <name>', 'the consumer that calls with it')
    .option('--scope <scopes>', 'what it may be used for (default: read)', parseScopes)
    .option('--permit <permits>', 'within read: such as fetch:DocChunk,list:*', parseTexts)
    .option('--tenant <name>', 'another tenant')
    .addHelpText(
      'after',
      examples([
        'weir certificate put agent-a --spiffe-id spiffe://example.org/agent/a --principal agent-a',
        'an agent with a SPIFFE ID',
      ]),
    )
    .action(async (name: string, _options: Options, command: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const certificate = { ...certificateOf(options), name };
      const answer = await weir.admin.putCertificate({ certificate }, { signal });
      const items = answer.certificate ? [answer.certificate] : [];
      present(shell.terminal, options.json, {
        schema: PutCertificateResponseSchema,
        message: answer,
        render: (screen) => renderCertificates({ items, more: false }, screen),
      });
    });
}

function certificateOf(options: Options) {
  const { spiffeId, subject, principal, consumer = '', tenant = '' } = options;
  if ((spiffeId === undefined) === (subject === undefined)) {
    throw usageFailure('A certificate is known by one thing.', 'Give --spiffe-id or --subject.');
  }
  const match =
    spiffeId === undefined
      ? { case: 'subject' as const, value: subject ?? '' }
      : { case: 'spiffeId' as const, value: spiffeId };
  const { scope = [], permit = [] } = options;
  return { match, principal, consumer, tenant, scopes: scope, permits: permit };
}
