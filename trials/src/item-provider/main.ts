import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';
import {
  type ItemKind,
  type ItemValue,
  itemKinds,
  PROVIDER_TIMEOUT_MS,
  type ServedValue,
} from '../chaos/items.ts';
import { askSource } from './ask.ts';
import type { ProviderSettings } from './settings.ts';

// A provider process of the trials: one provider for each tenant, with the same name, types and
// keys, each on a port of its own. It reads its items from the process that started it.

const { url, tenants } = JSON.parse(process.env.TRIAL_PROVIDER ?? '') as ProviderSettings;

function contextOf(tenant: string, kind: ItemKind) {
  const { type, ttlMs, staleMs, negativeTtlMs } = kind;
  return defineContext<ServedValue>({
    type,
    version: '1.0.0',
    schema: { type: 'object', required: ['tenant', 'key', 'version'] },
    scope: ttlMs > 0 ? 'tenant' : 'none',
    ttlMs,
    staleWhileRevalidateMs: staleMs,
    negativeTtlMs,
    async fetchMany(queries) {
      const keys = queries.map(({ key }) => key);
      const values = await askSource({ tenant, type, keys });
      return queries.map(({ knownEtag, caller }, i) => {
        const value = values[i];
        if (value === undefined) throw new Error('the source gave too few answers');
        if (value === null) return undefined;
        const etag = etagOf(value);
        if (etag === knownEtag) return { notModified: true } as const;
        return { value: { ...value, askedFor: caller.tenant }, etag };
      });
    },
  });
}

function etagOf({ tenant, key, version }: ItemValue): string {
  return `${tenant} ${key} ${version}`;
}

process.once('disconnect', () => process.exit(0));
await Promise.all(
  tenants.map(({ name, key, port, publicUrl }) =>
    serveProvider(
      defineProvider({
        name: 'items',
        version: '1.0.0',
        timeoutMs: PROVIDER_TIMEOUT_MS,
        contexts: itemKinds.map((kind) => contextOf(name, kind)),
      }),
      { url, key, port, publicUrl, replace: true },
    ),
  ),
);
