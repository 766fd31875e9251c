import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Action, Effect, type RuleSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { ListRequest } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { ListContextRequestSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { expect, test } from 'vitest';
import { openAnswering } from '../../test/answering.ts';
import { createEntries, testCaller } from '../../test/entries.ts';
import { content, openProviderServer } from '../../test/provider-server.ts';
import { applyEntries } from '../snapshot/snapshot.ts';
import { listAll } from './list.ts';

const contexts = [{ type: 'DocChunk', version: '1.0.0', listable: true }];
const manifest = { name: 'docs', version: '1.0.0', contexts };
const condition = 'resource.sensitivity >= RESTRICTED';
type Rule = MessageInitShape<typeof RuleSchema>;
const allowing: Rule = { name: 'allowed', effect: Effect.ALLOW, actions: [Action.LIST] };
const denying: Rule = { ...allowing, name: 'denied', effect: Effect.DENY };
const policies = [{ name: 'p', rules: [allowing, { ...denying, condition }] }];

/** Keys that begin with "x" are forbidden; page tokens of the provider are keys. */
function openLister(keys: readonly string[], before: () => Promise<void> = async () => {}) {
  return openProviderServer({
    fetch: () => content(0),
    async list({ pageSize, pageToken, keyPrefix }: ListRequest) {
      await before();
      const all = keys.filter((key) => key.startsWith(keyPrefix));
      const from = pageToken === '' ? 0 : all.indexOf(pageToken);
      const entries = all.slice(from, from + pageSize).map((key) => ({
        key,
        sensitivity: key.includes('x') ? Sensitivity.RESTRICTED : Sensitivity.INTERNAL,
      }));
      return { entries, nextPageToken: all[from + pageSize] ?? '' };
    },
  });
}

type Weir = ReturnType<typeof openAnswering>;

async function pageOf(weir: Weir, request: MessageInitShape<typeof ListContextRequestSchema>) {
  const asked = { caller: testCaller(), signal: new AbortController().signal, timeoutMs: 5_000 };
  const { response } = await listAll(weir, create(ListContextRequestSchema, request), asked);
  return { keys: response.entries.map(({ ref }) => ref?.key), token: response.nextPageToken };
}

/** What a caller sees who turns all pages: their keys, and whether there is another one. */
async function seen(keys: readonly string[], request: { pageSize: number; keyPrefix?: string }) {
  await using server = await openLister(keys);
  await using weir = openAnswering([{ manifest, urls: [server.url] }], { policies });
  const pages: unknown[] = [];
  for (let pageToken = ''; ; ) {
    const { keys: shown, token } = await pageOf(weir, { ...request, pageToken });
    pages.push(shown);
    if (token === '') return pages;
    pageToken = token;
  }
}

test('what is left out of a list tells neither by the size of pages nor by their number', async () => {
  const open = ['a1', 'b1', 'c1', 'd1'];
  const many = Array.from({ length: 120 }, (_, i) => `cx${String(i).padStart(3, '0')}`);
  const mixed = [...open, 'ax', 'bx', 'dx', 'ex', ...many].sort();
  for (const pageSize of [1, 2, 3, 50]) {
    expect(await seen(mixed, { pageSize }), String(pageSize)).toEqual(
      await seen(open, { pageSize }),
    );
  }
  for (const keyPrefix of ['b', 'bx', 'e', 'cx']) {
    const request = { pageSize: 1, keyPrefix };
    expect(await seen(mixed, request), keyPrefix).toEqual(await seen(open, request));
  }
});

test('a page token shows nothing of where providers go on', async () => {
  const keys = Array.from({ length: 120 }, (_, i) => `${i % 2 ? 'x' : 'k'}${100 + i}`).sort();
  await using server = await openLister(keys);
  await using weir = openAnswering([{ manifest, urls: [server.url] }], { policies });
  const { token } = await pageOf(weir, { pageSize: 50 });
  expect(token).not.toBe('');
  const text = Buffer.from(token, 'base64url').toString('latin1');
  expect(text).not.toMatch(/x1\d\d/);
  const changed = Buffer.from(token, 'base64url');
  changed[40] = (changed[40] ?? 0) ^ 1;
  await expect(pageOf(weir, { pageToken: changed.toString('base64url') })).rejects.toThrow(
    'belongs to another request',
  );
  await expect(pageOf(weir, { pageToken: token, keyPrefix: 'k' })).rejects.toThrow(
    'belongs to another request',
  );
  await expect(pageOf(weir, { pageToken: 'x' })).rejects.toThrow('malformed');
});

test('a rule that comes while a provider lists is in force when the list leaves', async () => {
  const asked = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  await using server = await openLister(['a1', 'b1'], async () => {
    asked.resolve();
    await goOn.promise;
  });
  await using weir = openAnswering([{ manifest, urls: [server.url] }], { policies });
  const make = createEntries();
  const change = (...entries: Parameters<typeof applyEntries>[1]) =>
    weir.holder.replace(applyEntries(weir.holder.current, entries, weir.holder.current), 0);
  change(make.principal('lin'), make.key('k1', 'lin'));
  const page = pageOf(weir, {});
  await asked.promise;
  const rule = { ...denying, resources: { keys: ['a*'] } };
  change(make.policy({ name: 'p', rules: [allowing, rule] }));
  goOn.resolve();
  expect((await page).keys).toEqual(['b1']);
});
