import { Reason } from '@weir/sdk';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';
import { expect, test } from 'vitest';
import { openTestWeir, until } from './weir.ts';

test('a provider that is deregistered while it runs stays away, until somebody registers it', async () => {
  await using weir = await openTestWeir();
  const { client } = weir;
  const at = { url: weir.weir.url, key: weir.weir.key };
  const kinds: string[] = [];
  const onEvent = ({ kind }: { kind: string }) => void kinds.push(kind);
  await using _provider = await serveProvider(greeter, { ...at, onEvent });
  const reason = async () => {
    const [outcome] = await client.fetch(['Greeting/you']);
    return outcome?.ok === false ? outcome.refusal.reason : 'served';
  };
  await until(async () => (await reason()) === 'served', 'it is served');

  const { provider } = await client.registry.getProvider({ name: 'greeter' });
  const { consistencyToken } = await client.registry.deregisterProvider({ name: 'greeter' });
  await client.fetch(['Greeting/you'], { consistencyToken });
  await until(() => kinds.includes('deregistered'), 'it learns of it');
  expect(await reason()).toBe(Reason.PROVIDER_UNKNOWN);

  if (!provider?.manifest) throw new Error('it was registered');
  const source = { case: 'manifest', value: provider.manifest } as const;
  await client.registry.registerProvider({ source });
  await until(async () => (await reason()) === 'served', 'it is served again', 30_000);
  expect(kinds).toEqual(['registered', 'deregistered', 'reregistered']);
});

const greeter = defineProvider({
  name: 'greeter',
  version: '1.0.0',
  contexts: [
    defineContext<{ text: string }>({
      type: 'Greeting',
      version: '1.0.0',
      schema: { type: 'object' },
      fetch: ({ key }) => ({ value: { text: key } }),
    }),
  ],
});
