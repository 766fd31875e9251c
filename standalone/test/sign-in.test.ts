import { newKey, openOpenIdProvider, resource } from '@weir/kit/testing/openid-provider';
import { createWeir, Reason, WeirCallError } from '@weir/sdk';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { expect, test } from 'vitest';
import { openTestWeir, until } from './weir.ts';

// An agent with a token of the company's own identity provider, against the whole of Weir.

test('an agent signs in with a token of its own provider, and reads what the token is for', async () => {
  await using provider = await openOpenIdProvider();
  provider.use(await newKey('first'));
  await using weir = await openTestWeir();
  const { admin } = weir.client;
  await until(
    async () => (await weir.client.fetch(['SQLSchema/weir']))[0]?.ok === true,
    'the providers are up',
  );
  const issuer = { name: 'sso', url: provider.url, audiences: [resource] };
  await admin.putIssuer({
    issuer: { ...issuer, principalClaim: 'client_id', scopes: [Scope.READ] },
  });

  const key = await provider.token('weir:fetch:DocChunk');
  const agent = createWeir({ url: weir.weir.url, key, retries: 0 });
  await until(async () => {
    return (await agent.admin.whoAmI({}).catch(() => undefined)) !== undefined;
  }, 'the issuer is believed');
  const who = await agent.admin.whoAmI({});
  expect(who).toMatchObject({ principal: 'agent', authentication: 'token', keyId: 'sso' });
  const [page, schema] = await agent.fetch(['DocChunk/README.md', 'SQLSchema/weir']);
  expect(page?.ok).toBe(true);
  expect(schema).toMatchObject({ ok: false, refusal: { reason: Reason.NOT_FOUND } });
  await expect(agent.admin.listKeys({})).rejects.toMatchObject({ reason: Reason.SCOPE_MISSING });

  await admin.deleteIssuer({ name: 'sso' });
  const refused = async () => {
    const error = await agent.admin.whoAmI({}).catch((reason: unknown) => reason);
    return error instanceof WeirCallError && error.reason === Reason.CREDENTIAL_INVALID;
  };
  await until(refused, 'the issuer is believed no more');
  agent.close();
});
