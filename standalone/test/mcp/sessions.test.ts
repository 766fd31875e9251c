import type { JsonObject } from '@bufbuild/protobuf';
import { PrincipalKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { defineOperation, defineProvider, serveProvider } from '@weir/sdk/provider';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { databases, eventLogs } from '../apart.ts';
import { event, eventsOf } from '../event-clients.ts';
import { until } from '../weir.ts';
import { type EventReader, readEvents } from './event-reader.ts';
import { rawClient } from './mcp-client.ts';
import { accept, openRoamingSession } from './roaming-session.ts';
import { openSeveralRouters, type SeveralRouters } from './several-routers.ts';

// Sessions of the older revisions, whose client comes to another router than before.

const progressOf = (messages: readonly JsonObject[]) =>
  messages
    .filter(({ method }) => method === 'notifications/progress')
    .map(({ params }) => (params as JsonObject).progress)
    .filter((progress) => progress !== 0);
const uriOf = ({ params }: JsonObject) => (params as JsonObject).uri;
const methodsOf = (messages: readonly JsonObject[]) => messages.map(({ method }) => method);

for (const [database, openStore] of databases)
  for (const { place, isThere, openLog } of eventLogs)
    describe.skipIf(!isThere)(`a registry on ${database}, events ${place}, and two routers`, () => {
      const closing = new AsyncDisposableStack();
      let world: SeveralRouters;

      beforeAll(async () => {
        const store = closing.use(await openStore());
        const eventLog = closing.use(await openLog());
        world = closing.use(await openSeveralRouters(store.url, eventLog.config));
        await until(async () => {
          const told = [world.one, world.other].map((router) =>
            rawClient(`${router}/mcp`, world.weir.adminKey).stateless('tools/list'),
          );
          const lists = await Promise.all(told);
          return lists.every((list) => JSON.stringify(list.result).includes('fixture__steps'));
        }, 'both routers know the tools');
      }, 60_000);
      afterAll(() => closing.disposeAsync());

      const openSession = (capabilities: JsonObject = {}, key = world.weir.adminKey) =>
        openRoamingSession(world, { capabilities, key });
      const tellOf = (router: string, key: string) =>
        eventsOf(router, world.weir.adminKey).publish({
          events: [event('r', { topic: 'resource.changed', refs: [{ type: 'Resource', key }] })],
        });
      const watched = 'test://watched-resource';
      const takeSteps = async (reader: EventReader, from: number, to: number) => {
        for (let at = from; at <= to; at++) {
          world.step();
          await reader.until((messages) => progressOf(messages).includes(at));
        }
      };

      test('a call goes on at another router while it is under way, whole and in order', async () => {
        const session = await openSession();
        const first = await session.call(world.one, 'steps');
        await takeSteps(first, 1, 3);
        first.cut();
        await using second = await session.listen(world.other, first.last);
        expect(second.status).toBe(200);
        await takeSteps(second, 4, 6);
        second.cut();
        // And once more, back at the first, and again at the other.
        const third = await session.listen(world.one, second.last);
        await takeSteps(third, 7, 8);
        third.cut();
        await using fourth = await session.listen(world.other, third.last);
        world.step('last');
        await fourth.rest();
        expect(progressOf(fourth.messages)).toEqual([]);
        expect(fourth.messages).toMatchObject([
          { id: 7, result: { content: [{ text: '8 steps' }] } },
        ]);
        expect(progressOf(second.messages)).toEqual([4, 5, 6]);
      });

      test('who goes on from an earlier event is told again what came after it', async () => {
        const session = await openSession();
        const first = await session.call(world.one, 'steps');
        await takeSteps(first, 1, 1);
        const early = first.last;
        await takeSteps(first, 2, 4);
        first.cut();
        world.step('last');
        await using second = await session.listen(world.other, early);
        expect(progressOf(await second.rest())).toEqual([2, 3, 4]);
        expect(second.messages.at(-1)).toMatchObject({ id: 7, result: {} });
        // What is over can be read again.
        await using again = await session.listen(world.other, early);
        expect(await again.rest()).toEqual(second.messages);
      });

      test('a router that does not know that its client is gone stops telling it', async () => {
        const session = await openSession();
        await using first = await session.call(world.one, 'steps');
        await takeSteps(first, 1, 2);
        await using second = await session.listen(world.other, first.last);
        await takeSteps(second, 3, 4);
        // It ends, though this end never left.
        expect(progressOf(await first.rest()).length).toBeLessThan(4);
        await using third = await session.listen(world.other, second.last);
        expect(progressOf(await second.rest())).toEqual([3, 4]);
        world.step('last');
        expect(await third.rest()).toMatchObject([{ id: 7, result: {} }]);
      });

      test('a result that is large comes whole', async () => {
        const session = await openSession();
        const first = await session.call(world.one, 'large');
        await first.until((messages) => progressOf(messages).length === 1);
        const last = first.last.replace(/_\d+$/, '_1');
        first.cut();
        await using second = await session.listen(world.other, last);
        expect(await second.rest()).toMatchObject([
          { id: 7, result: { content: [{ text: 'x'.repeat(1_500_000) }] } },
        ]);
      });

      test('an answer to a question reaches the call, at whichever router it arrives', async () => {
        const session = await openSession({ elicitation: {} });
        await using called = await session.call(world.one, 'test_elicitation', { message: 'Who?' });
        await called.until((messages) => methodsOf(messages).includes('elicitation/create'));
        const { id } = called.messages.find(({ method }) => method !== undefined) as { id: string };
        const answer = { id, result: { action: 'accept', content: { username: 'ada' } } };
        expect((await session.ask(world.other, answer)).status).toBe(202);
        expect(JSON.stringify(await called.rest())).toContain('ada');
        // What was answered waits no more; what was never asked is known to be none.
        expect((await session.ask(world.other, answer)).status).toBe(400);
        const stranger = await openSession({ elicitation: {} });
        expect((await stranger.ask(world.other, answer)).status).toBe(400);
      });

      test('a question comes by the stream that is gone on with, and is answered anywhere', async () => {
        const session = await openSession({ elicitation: {} });
        const called = await session.call(world.one, 'test_elicitation', { message: 'Who?' });
        await called.until((messages) => methodsOf(messages).includes('elicitation/create'));
        const { id } = called.messages.at(-1) as { id: string };
        called.cut();
        const begin = called.last.replace(/_\d+$/, '_0');
        await using second = await session.listen(world.other, begin);
        await second.until((messages) => methodsOf(messages).includes('elicitation/create'));
        const answer = { id, result: { action: 'accept', content: { username: 'bob' } } };
        expect((await session.ask(world.other, answer)).status).toBe(202);
        expect(JSON.stringify(await second.rest())).toContain('bob');
      });

      test('a call is cancelled from anywhere', async () => {
        const session = await openSession();
        await using called = await session.call(world.one, 'steps');
        await takeSteps(called, 1, 1);
        const before = world.cancelled();
        const method = 'notifications/cancelled';
        const cancelled = await session.ask(world.other, { method, params: { requestId: 7 } });
        expect(cancelled.status).toBe(202);
        await called.rest();
        expect(progressOf(called.messages)).toEqual([1]);
        await until(() => world.cancelled() === before + 1, 'the tool has ended');
      });

      test('subscriptions hold everywhere, and what happens meanwhile is told once', async () => {
        const session = await openSession();
        await using listening = await session.listen(world.one);
        const subscribe = { id: 1, method: 'resources/subscribe', params: { uri: watched } };
        expect((await session.ask(world.other, subscribe)).result).toEqual({});
        await tellOf(world.other, watched);
        await listening.until((messages) => messages.length === 1);
        // Another one, while the first is followed already.
        const uri = 'test://static-text';
        await session.ask(world.other, { ...subscribe, params: { uri } });
        await tellOf(world.one, uri);
        await listening.until((messages) => messages.length === 2);
        listening.cut();
        await tellOf(world.one, watched);
        await tellOf(world.other, 'test://nobody-asks');
        await using second = await session.listen(world.other, listening.last);
        await second.until((messages) => messages.length === 1);
        const unsubscribe = { id: 2, method: 'resources/unsubscribe', params: { uri: watched } };
        await session.ask(world.one, unsubscribe);
        await until(async () => {
          const { length } = second.messages;
          await tellOf(world.one, watched);
          await tellOf(world.one, uri);
          await second.until((messages) => messages.at(-1)?.method !== undefined);
          await second.until((messages) => messages.length > length);
          return second.messages.slice(-1).map(uriOf)[0] === uri;
        }, 'it is not told any more');
        const uris = [...listening.messages, ...second.messages.slice(0, 1)].map(uriOf);
        expect(uris).toEqual([watched, uri, watched]);
      });

      test('lists that have changed meanwhile are told of, and what has not is not', async () => {
        const session = await openSession();
        const listening = await session.listen(world.one);
        await listening.until(() => listening.last !== '');
        listening.cut();
        const quiet = await session.listen(world.other, listening.last);
        await quiet.until(() => quiet.last !== '');
        const late = defineProvider({
          ...{ name: 'late', version: '1.0.0', contexts: [] },
          operations: [defineOperation({ name: 'tool', description: 'Late.', call: () => 1 })],
        });
        quiet.cut();
        await using _late = await serveProvider(late, {
          ...{ url: world.other, key: world.weir.adminKey },
        });
        await using second = await session.listen(world.one, quiet.last);
        await second.until((messages) => messages.length > 0);
        await tellOf(world.one, watched);
        expect(quiet.messages).toEqual([]);
        expect(methodsOf(second.messages)).toEqual(['notifications/tools/list_changed']);
      });

      test('the level holds everywhere', async () => {
        const session = await openSession();
        const levelled = { id: 1, method: 'logging/setLevel', params: { level: 'emergency' } };
        expect((await session.ask(world.other, levelled)).result).toEqual({});
        const told = async () => {
          const { messages } = await session.ask(world.one, {
            ...{ id: 2, method: 'tools/call' },
            params: { name: 'fixture__test_tool_with_logging', arguments: {} },
          });
          return methodsOf(messages).includes('notifications/message');
        };
        await until(async () => !(await told()), 'nothing is told', 2_000);
        await session.ask(world.other, { ...levelled, params: { level: 'debug' } });
        await until(told, 'it is told again', 2_000);
      });

      test('the end holds everywhere: of streams, calls and the session', async () => {
        const session = await openSession();
        await using listening = await session.listen(world.one);
        await using called = await session.call(world.one, 'steps');
        await takeSteps(called, 1, 1);
        const before = world.cancelled();
        expect((await session.end(world.other)).status).toBe(204);
        await listening.rest();
        await called.rest();
        await until(() => world.cancelled() === before + 1, 'the tool has ended');
        for (const router of [world.one, world.other]) {
          expect((await session.ask(router, { id: 3, method: 'ping' })).status).toBe(404);
          expect((await session.end(router)).status).toBe(404);
          expect((await session.listen(router, listening.last)).status).toBe(404);
        }
      });

      test('nobody else reads or feeds a session', async () => {
        const { client } = world.weir.routers[0] ?? expect.unreachable();
        await client.admin.createPrincipal({ name: 'eve', kind: PrincipalKind.SERVICE });
        const { secret } = await client.admin.createKey({
          ...{ principal: 'eve', scopes: [Scope.READ, Scope.CALL] },
        });
        for (const router of [world.one, world.other]) {
          await until(
            async () =>
              (await rawClient(`${router}/mcp`, secret).stateless('tools/list')).status === 200,
            'the key is known',
          );
        }
        const own = await openSession({ elicitation: {} });
        const hers = await openSession({ elicitation: {} }, secret);
        const called = await own.call(world.one, 'test_elicitation', { message: 'Who?' });
        await called.until((messages) => methodsOf(messages).includes('elicitation/create'));
        const { id } = called.messages.at(-1) as { id: string };
        const begin = called.last.replace(/_\d+$/, '_0');
        const answer = { id, result: { action: 'accept', content: { username: 'eve' } } };
        expect((await hers.ask(world.other, answer)).status).toBe(400);
        expect((await hers.listen(world.other, begin)).status).toBe(404);
        expect((await hers.listen(world.one, begin)).status).toBe(404);
        const headers = { authorization: `Bearer ${secret}`, 'mcp-session-id': own.id, accept };
        const stolen = await readEvents(`${world.other}/mcp`, {
          headers: { ...headers, 'last-event-id': begin },
        });
        expect(stolen.status).toBe(404);
        const method = 'notifications/cancelled';
        await hers.ask(world.other, { method, params: { requestId: 7 } });
        const right = { id, result: { action: 'accept', content: { username: 'ada' } } };
        expect((await own.ask(world.other, right)).status).toBe(202);
        expect(JSON.stringify(await called.rest())).toContain('ada');
      });
    });
