import type { JsonObject } from '@bufbuild/protobuf';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  ElicitRequestSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventLogs } from '../apart.ts';
import { event, eventsOf } from '../event-clients.ts';
import { until } from '../weir.ts';
import { readEvents } from './event-reader.ts';
import { rawClient } from './mcp-client.ts';
import { openSeveralRouters, openWay, type SeveralRouters } from './several-routers.ts';

// Clients of the official SDK and raw ones, whose routers go, behind a balancer that knows nothing of sessions.

const accept = 'application/json, text/event-stream';
const info = { name: 'test', version: '1.0.0' };

for (const { place, isThere, openLog } of eventLogs)
  describe.skipIf(!isThere)(`routers that go, with events ${place}`, () => {
    const closing = new AsyncDisposableStack();
    let world: SeveralRouters;

    beforeAll(async () => {
      const eventLog = closing.use(await openLog());
      world = closing.use(await openSeveralRouters(undefined, eventLog.config));
      for (const router of [world.one, world.other]) {
        await until(async () => {
          const client = rawClient(`${router}/mcp`, world.weir.adminKey);
          return JSON.stringify((await client.stateless('tools/list')).result).includes('steps');
        }, 'the routers know the tools');
      }
    }, 60_000);
    afterAll(() => closing.disposeAsync());

    const authorization = () => `Bearer ${world.weir.adminKey}`;
    /** A client of the SDK that answers what it is asked. */
    const openClient = async (transport: Transport) => {
      const client = new Client(info, { capabilities: { elicitation: {} } });
      client.setRequestHandler(ElicitRequestSchema, () => ({
        ...{ action: 'accept', content: { username: 'ada', email: 'ada@example.com' } },
      }));
      client.onerror = () => {};
      await client.connect(transport);
      closing.defer(() => client.close());
      return client;
    };
    const streamable = (url: string) =>
      new StreamableHTTPClientTransport(new URL('/mcp', url), {
        requestInit: { headers: { authorization: authorization() } },
        reconnectionOptions: {
          ...{ initialReconnectionDelay: 50, maxReconnectionDelay: 200 },
          ...{ reconnectionDelayGrowFactor: 1.5, maxRetries: 100 },
        },
      }) as Transport;

    test('a client of the SDK goes on at the other router with its call, its questions and what it asked after', async () => {
      await using way = await openWay(world.one);
      const client = await openClient(streamable(way.url));
      const updated: string[] = [];
      client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
        updated.push(params.uri);
      });
      const told: number[] = [];
      const calling = client.callTool({ name: 'fixture__steps', arguments: {} }, undefined, {
        onprogress: ({ progress }) => void told.push(progress),
        timeout: 60_000,
      });
      const take = async (from: number, to: number) => {
        for (let at = from; at <= to; at++) {
          world.step();
          await until(() => told.includes(at), `step ${at} is told`);
        }
      };
      await until(() => told.includes(0), 'it began');
      await take(1, 2);
      way.lead(world.other);
      await take(3, 4);
      way.lead(world.one);
      await take(5, 6);
      // The answer is posted to the router that is not the call's.
      way.lead(world.other);
      await take(7, 8);
      world.step('last');
      expect((await calling).content).toMatchObject([{ text: '8 steps' }]);
      expect(told).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
      const uri = 'test://watched-resource';
      await client.subscribeResource({ uri });
      way.lead(world.one);
      await eventsOf(world.other, world.weir.adminKey).publish({
        events: [event('r', { topic: 'resource.changed', refs: [{ type: 'Resource', key: uri }] })],
      });
      await until(() => updated.length > 0, 'it is told of the resource');
      const asked = await client.callTool({
        ...{ name: 'fixture__test_elicitation', arguments: { message: 'Who?' } },
      });
      expect(JSON.stringify(asked.content)).toContain('ada@example.com');
      expect(updated).toEqual([uri]);
    }, 60_000);

    test('what a router had in flight that is killed ends with an error at another, and its sessions go on', async () => {
      const doomed = await world.spawnRouter();
      const session = await rawClient(`${doomed.url}/mcp`, world.weir.adminKey).session({
        elicitation: {},
      });
      const headers = {
        ...{ authorization: authorization(), 'mcp-session-id': session.id, accept },
        'content-type': 'application/json',
      };
      const post = (router: string, message: JsonObject) =>
        readEvents(`${router}/mcp`, {
          ...{ method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }) },
        });
      const call = (name: string, id: string) =>
        post(doomed.url, {
          ...{ id, method: 'tools/call' },
          params: { name, arguments: { message: '?' }, _meta: { progressToken: id } },
        });
      const goOn = (router: string, last: string) =>
        readEvents(`${router}/mcp`, { headers: { ...headers, 'last-event-id': last } });
      await rawClient(`${doomed.url}/mcp`, world.weir.adminKey).post(
        { jsonrpc: '2.0', id: 1, method: 'logging/setLevel', params: { level: 'emergency' } },
        { 'mcp-session-id': session.id },
      );
      // One that nobody goes on with yet, one that is gone on with, one that is over, and a question.
      const [alone, moved, over, asking] = await Promise.all([
        call('fixture__steps', 'alone'),
        call('fixture__steps', 'moved'),
        call('fixture__large', 'over'),
        call('fixture__test_elicitation', 'asking'),
      ]);
      for (const one of [alone, moved, over, asking])
        await one.until((messages) => messages.length > 0);
      over.cut();
      const resumedOver = await goOn(world.other, over.last.replace(/_\d+$/, '_1'));
      expect(await resumedOver.rest()).toMatchObject([{ id: 'over', result: {} }]);
      moved.cut();
      await using resumed = await goOn(world.one, moved.last);
      world.step();
      await resumed.until((messages) => messages.length > 0);
      await doomed.kill();

      const beganMs = performance.now();
      const gone = { error: { message: expect.stringMatching(/router.*gone/) } };
      await using left = await goOn(world.one, alone.last);
      const question = asking.messages.at(-1) as { id: string };
      const answer = { id: question.id, result: { action: 'decline' } };
      const [forMoved, forAlone, forOver, answered] = await Promise.all([
        resumed.rest(),
        left.rest(),
        goOn(world.one, over.last.replace(/_\d+$/, '_1')).then((reader) => reader.rest()),
        post(world.one, answer),
      ]);
      expect(forMoved.at(-1)).toMatchObject({ id: 'moved', ...gone });
      expect(forAlone).toMatchObject([{ id: 'alone', ...gone }]);
      // What was over before is told as it was.
      expect(forOver).toMatchObject([{ id: 'over', result: {} }]);
      expect(answered.status).toBe(400);
      expect(performance.now() - beganMs).toBeLessThan(16_000);

      const after = await rawClient(`${world.other}/mcp`, world.weir.adminKey).post(
        {
          ...{ jsonrpc: '2.0', id: 2, method: 'tools/call' },
          params: { name: 'fixture__test_tool_with_logging', arguments: {} },
        },
        { 'mcp-session-id': session.id },
      );
      expect(after.messages).toMatchObject([{ id: 2, result: {} }]);
    }, 60_000);

    test('a router that is told to stop leaves what it has for the others', async () => {
      const stopping = await world.spawnRouter();
      const session = await rawClient(`${stopping.url}/mcp`, world.weir.adminKey).session();
      const headers = {
        ...{ authorization: authorization(), 'mcp-session-id': session.id, accept },
        'content-type': 'application/json',
      };
      const params = { name: 'fixture__steps', arguments: {}, _meta: { progressToken: 'p' } };
      const called = await readEvents(`${stopping.url}/mcp`, {
        ...{ method: 'POST', headers },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
      });
      await called.until((messages) => messages.length === 1);
      called.cut();
      world.step('last');
      await stopping.kill('SIGTERM');
      await using after = await readEvents(`${world.one}/mcp`, {
        headers: { ...headers, 'last-event-id': called.last },
      });
      expect(await after.rest()).toMatchObject([
        { id: 1, result: { content: [{ text: '0 steps' }] } },
      ]);
    }, 60_000);

    test('a client of 2024-11-05 has its stream at one router, and posts to another', async () => {
      await using way = await openWay(world.one);
      const transport = new SSEClientTransport(new URL('/sse', way.url), {
        requestInit: { headers: { authorization: authorization() } },
        eventSourceInit: {
          fetch: (url, init) =>
            fetch(url, { ...init, headers: { ...init.headers, authorization: authorization() } }),
        },
        // Its messages take another way than its stream.
        fetch: (url, init) => {
          const to =
            init?.method === 'POST' ? new URL(String(url).replace(way.url, world.other)) : url;
          return fetch(to, {
            ...init,
            headers: {
              ...Object.fromEntries(new Headers(init?.headers)),
              authorization: authorization(),
            },
          });
        },
      });
      const client = await openClient(transport as Transport);
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toContain('fixture__steps');
      const asked = await client.callTool({
        ...{ name: 'fixture__test_elicitation', arguments: { message: 'Who?' } },
      });
      expect(JSON.stringify(asked.content)).toContain('ada@example.com');
      const nobody = await rawClient(
        `${world.other}/messages?sessionId=abc`,
        world.weir.adminKey,
      ).post({ jsonrpc: '2.0', id: 1, method: 'ping' });
      expect(nobody.status).toBe(404);
    }, 30_000);
  });
