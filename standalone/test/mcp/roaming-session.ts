import type { JsonObject } from '@bufbuild/protobuf';
import { readEvents } from './event-reader.ts';
import { rawClient } from './mcp-client.ts';
import type { SeveralRouters } from './several-routers.ts';

/** What clients of sessions take. */
export const accept = 'application/json, text/event-stream';

/** Begins a session at one router; what is returned asks any router to go on with it. */
export async function openRoamingSession(
  { one }: Pick<SeveralRouters, 'one'>,
  { capabilities, key }: { readonly capabilities: JsonObject; readonly key: string },
) {
  const { id } = await rawClient(`${one}/mcp`, key).session(capabilities);
  const headers = (more: Record<string, string> = {}) => ({
    ...{ authorization: `Bearer ${key}`, 'mcp-session-id': id, accept },
    ...{ 'content-type': 'application/json' },
    ...more,
  });
  const post = (router: string, message: JsonObject) =>
    readEvents(`${router}/mcp`, {
      ...{ method: 'POST', headers: headers() },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    });
  return {
    id,
    post,
    /** Posts what is answered by one message. */
    async ask(router: string, message: JsonObject) {
      const client = rawClient(`${router}/mcp`, key);
      return client.post({ jsonrpc: '2.0', ...message }, { 'mcp-session-id': id });
    },
    call: (router: string, name: string, args: JsonObject = {}, number = 7) =>
      post(router, {
        ...{ id: number, method: 'tools/call' },
        params: { name: `fixture__${name}`, arguments: args, _meta: { progressToken: 'p' } },
      }),
    listen: (router: string, last?: string) =>
      readEvents(`${router}/mcp`, {
        headers: headers(last === undefined ? {} : { 'last-event-id': last }),
      }),
    end: (router: string) => fetch(`${router}/mcp`, { method: 'DELETE', headers: headers() }),
  };
}
