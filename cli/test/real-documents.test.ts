import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openApiProvider } from '@weir/generator';
import { apiDocument, hasApiDocuments, openExampleApi } from '@weir/generator/testing/api';
import { createWeir, type Weir } from '@weir/sdk';
import { serveProvider } from '@weir/sdk/provider';
import { openStandalone, readStandaloneConfig, type Standalone } from '@weir/standalone';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// Documents that others wrote, each as a provider of one Weir: registered, and asked for all that the
// document has examples of.

const timeoutMs = 180_000;
const archive = 'digitalocean.tar.gz';
const stack = new AsyncDisposableStack();
let folder: string;
let standalone: Standalone;
let weir: Weir;

beforeAll(async () => {
  if (!hasApiDocuments) return;
  folder = await mkdtemp(join(tmpdir(), 'weir-documents-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await promisify(execFile)('tar', ['xzf', apiDocument(archive), '-C', folder]);
  const env = { WEIR_PORT: '0', WEIR_OPS_PORT: '0', WEIR_SIGN_IN_PORT: '0' };
  const dataDir = join(folder, 'data');
  standalone = stack.use(
    await openStandalone(readStandaloneConfig({ ...env, WEIR_DATA_DIR: dataDir })),
  );
  weir = createWeir({ url: standalone.url, key: standalone.key, timeoutMs: 30_000 });
  stack.defer(() => weir.close());
}, timeoutMs);

afterAll(() => stack.disposeAsync(), timeoutMs);

const documents: readonly (readonly [file: string, prefix: string])[] = [
  ['adyen-balance-platform.yaml', 'Adyen'],
  ['adyen-checkout.json', 'Checkout'],
  ['box.json', 'Box'],
  ['digitalocean', 'Ocean'],
  ['figma.yaml', 'Figma'],
  ['twilio-api-v2010.json', 'Twilio'],
  ['twilio-taskrouter-v1.yaml', 'Task'],
  ['twilio-verify-v2.json', 'Verify'],
];

describe.skipIf(!hasApiDocuments)(
  `real documents${hasApiDocuments ? '' : ', which are not here: set WEIR_TEST_DOCUMENTS'}`,
  () => {
    test.each(documents)(
      'Weir takes %s, and fetches what it shows',
      async (file, typePrefix) => {
        const isFolder = file === 'digitalocean';
        const location = isFolder
          ? join(folder, 'digitalocean/specification/DigitalOcean-public.v2.yaml')
          : apiDocument(file);
        const given = { location, typePrefix, name: typePrefix.toLowerCase(), env: {} };
        const signal = AbortSignal.timeout(timeoutMs);
        const reading = { ...given, signal, allowExternal: isFolder };
        const { model } = await openApiProvider(reading);
        await using api = await openExampleApi(model);
        const secrets = Object.values(model.credentials).map(({ secret }) => {
          const name = secret
            .replace('secret://', '')
            .toUpperCase()
            .replaceAll(/[^A-Z0-9]+/g, '_');
          return [name, 'user:secret'];
        });
        const { provider } = await openApiProvider({
          ...reading,
          server: api.url,
          outboundAllow: ['loopback'],
          env: Object.fromEntries(secrets),
        });
        await using _ = await serveProvider(provider, { url: standalone.url, key: standalone.key });
        const shown = model.contexts.filter(({ example }) => example !== undefined);
        expect(shown.length).toBeGreaterThan(0);
        const outcomes = await weir.fetch(
          shown.map(({ type, example }) => ({ type, key: example?.key ?? '' })),
        );
        const came = outcomes.map((outcome) => (outcome.ok ? outcome.item.value : outcome.refusal));
        expect(came).toEqual(shown.map(({ example }) => example?.body));
      },
      timeoutMs,
    );
  },
);
