import { existsSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { cors } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { afterEach, expect, test } from 'vitest';
import { RouterService } from '../src/gen/weir/router/v1/router_pb.ts';
import { openTransport } from '../src/transport-web.ts';

const packageDir = join(import.meta.dirname, '..');
const executablePath = process.env.WEIR_TEST_CHROMIUM ?? '/usr/bin/chromium';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function bundle(script: string) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: script, resolveDir: packageDir },
    bundle: true,
    platform: 'browser',
    format: 'esm',
    minify: true,
    write: false,
    metafile: true,
  });
  return { text: outputFiles[0]?.text ?? '', inputs: Object.keys(metafile.inputs) };
}

async function listen(handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a browser bundle of the consumer holds nothing of Node', async () => {
  const { text, inputs } = await bundle(`import { createWeir } from '@weir/sdk';
    globalThis.weir = createWeir({ url: 'http://127.0.0.1:7070', key: 'k' });`);
  expect(inputs.some((input) => input.endsWith('dist/transport-web.js'))).toBe(true);
  expect(inputs.filter((input) => /connect-node|transport-node/.test(input))).toEqual([]);
  expect(text).not.toMatch(/["']node:|["']http2["']/);
  expect(text.length).toBeLessThan(400_000);
});

test('browsers cannot be asked for plain gRPC', () => {
  expect(() => openTransport({ url: 'http://a', protocol: 'grpc' })).toThrow(
    'browsers cannot speak plain gRPC: choose "grpc-web" or "connect"',
  );
});

/** A router that answers pages of any origin. */
function openRouter(): Promise<string> {
  const serveRpc = connectNodeAdapter({
    routes: (router) =>
      router.service(RouterService, {
        fetchContext: ({ refs }, { protocolName, requestHeader }) => ({
          results: refs.map(({ key }, index) => {
            const value = `${key} ${protocolName} ${requestHeader.get('authorization')}`;
            const payload = new TextEncoder().encode(JSON.stringify(value));
            return {
              index,
              outcome: { case: 'item', value: { body: { case: 'payload', value: payload } } },
            };
          }),
        }),
        async *streamContext() {
          yield { result: { index: 1 } };
          yield { result: { index: 0 } };
        },
      }),
  });
  return listen((request, response) => {
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-allow-methods', cors.allowedMethods.join(', '));
    const headers = [...cors.allowedHeaders, 'authorization'];
    response.setHeader('access-control-allow-headers', headers.join(', '));
    response.setHeader('access-control-expose-headers', cors.exposedHeaders.join(', '));
    if (request.method === 'OPTIONS') response.writeHead(204).end();
    else serveRpc(request, response);
  });
}

test.skipIf(!existsSync(executablePath))(
  'a page of another origin fetches and streams over gRPC-Web and Connect (needs Chromium)',
  async () => {
    const url = await openRouter();
    const { text } = await bundle(`import { createWeir } from '@weir/sdk';
      const seen = [];
      for (const protocol of [undefined, 'connect']) {
        const weir = createWeir({ url: '${url}', key: 'k', protocol });
        const items = await Promise.all(['a', 'b'].map((key) => weir.get('A', key)));
        seen.push(...items.map((item) => item.value));
        for await (const { ref } of weir.stream(['A/a', 'A/b'])) seen.push(ref.key);
      }
      const nowhere = createWeir({ url: 'http://127.0.0.1:1', key: 'k', retries: 0 });
      seen.push(await nowhere.get('A', 'a').catch((error) => error.code));
      globalThis.seen = seen;`);
    const page = `<script type="module">${text.replaceAll('</script', '<\\/script')}</script>`;
    const origin = await listen((_, response) => {
      response.setHeader('content-type', 'text/html; charset=utf-8').end(page);
    });
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    cleanups.push(() => browser.close());
    const tab = await browser.newPage();
    await tab.goto(origin);
    const seen = await tab.waitForFunction(() => Reflect.get(globalThis, 'seen'));
    expect(await seen.jsonValue()).toEqual([
      'a grpc-web Bearer k',
      'b grpc-web Bearer k',
      'b',
      'a',
      'a connect Bearer k',
      'b connect Bearer k',
      'b',
      'a',
      14,
    ]);
  },
);
