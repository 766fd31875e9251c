import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { openUpstreamWorld, type UpstreamWorld } from '../upstream-world.ts';
import { openFolder } from '../weir.ts';
import { playScenario, type Scenario, secretOf } from './conformance-scenarios.ts';

/** A Weir that plays the scenarios of the conformance suite in which a client is judged. */
export interface ConformanceClient extends AsyncDisposable {
  /** Where scenarios are given, by POST; they are played one after the other. */
  readonly url: string;
}

/** Opens it: what the suite serves becomes an upstream, and callers of Weir do what is to be done. */
export async function openConformanceClient(): Promise<ConformanceClient> {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(await openUpstreamWorld());
  let last: Promise<unknown> = Promise.resolve();
  const played = async (request: IncomingMessage) => {
    const scenario = (await json(request)) as Scenario;
    const playing = last.then(() => play(world, scenario));
    last = playing.catch(() => {});
    await playing;
  };
  const server = createServer((request, response) => {
    played(request).then(
      () => response.end(),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  // A scenario waits for those before it.
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const owned = stack.move();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A Weir reads its secrets when it starts: a scenario with one has a Weir of its own. */
async function play(world: UpstreamWorld, scenario: Scenario): Promise<void> {
  const secret = secretOf(scenario.context);
  if (secret === undefined) return await playScenario(world, scenario);
  await using folder = await openFolder();
  const file = join(folder.path, 'secrets');
  await writeFile(file, secret, { mode: 0o600 });
  await using own = await openUpstreamWorld({ WEIR_SECRETS_FILE: file });
  await playScenario(own, scenario);
}
