import { readStates, stateFileOf, type UpstreamState } from '@weir/mcp/client';
import { InputKind } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { CallToolResponse, Tool } from '@weir/sdk/gen/weir/tools/v1/tools_pb';
import { signIn } from '../browser.ts';
import { askedOf, type UpstreamWorld } from '../upstream-world.ts';
import { until } from '../weir.ts';

/** A scenario as the suite gives it to a client. */
export interface Scenario {
  readonly scenario: string;
  /** The address of the server that judges. */
  readonly server: string;
  readonly context: {
    readonly toolCalls?: readonly { readonly name: string; readonly arguments: object }[];
    /** The client that the scenario's authorization server knows already. */
    readonly client_id?: string;
    readonly client_secret?: string;
    readonly private_key_pem?: string;
    readonly issuer?: string;
  };
}

const name = 'suite';
/** How long a server without anything to offer is kept connected. */
const idleMs = 3_500;
/** What the operator is asked is written after the call has failed. */
const askedWithinMs = 500;
const canAsk = [InputKind.FORM, InputKind.URL];
const roundsMax = 5;
/** The document by which the suite expects a client to be known that has one. */
const metadata = 'https://conformance-test.local/client-metadata.json';
/** In these one person does it all. */
const shared = [
  'auth/scope-step-up',
  'auth/scope-retry-limit',
  'auth/authorization-server-migration',
];

/** Makes a provider of the server, and does with all that it offers what callers do. */
export async function playScenario(world: UpstreamWorld, given: Scenario): Promise<void> {
  const state = () => readStates(stateFileOf(world.file))?.[name];
  const oauth = given.scenario.startsWith('auth/') ? await oauthOf(given) : undefined;
  await world.write([
    { name, http: { url: given.server, ...(oauth && { oauth }) }, timeout: '10s' },
  ]);
  try {
    await connect(state);
    await callAll(world, given.context, state);
    await readAll(world);
  } finally {
    await world.write([]);
    await until(() => state() === undefined, 'the server is gone');
  }
}

type StateOf = () => UpstreamState | undefined;

/** Until the server has been connected to, for which the operator may have to sign in. */
async function connect(state: StateOf): Promise<void> {
  const seen = new Set<string>();
  for (let round = 0; round < roundsMax; round++) {
    const isNew = () => !seen.has(state()?.signIn ?? '');
    const isSettled = () => {
      const { status, signIn: address } = state() ?? {};
      return status === 'live' || (status === 'waiting' && (address === undefined || isNew()));
    };
    await until(isSettled, 'the server is connected or refused', 20_000);
    const { status, error, signIn: address } = state() ?? {};
    if (status === 'live') break;
    if (address === undefined) throw new Error(error);
    seen.add(address);
    await signInAt(address);
  }
  // What it offers comes after; there may be nothing.
  await until(() => (state()?.offered ?? 0) > 0, 'something', idleMs).catch(() => {});
}

async function signInAt(address: string): Promise<void> {
  const { status, text } = await signIn(address);
  if (status !== 200) throw new Error(`the sign-in was refused: ${text}`);
}

async function callAll(
  world: UpstreamWorld,
  { toolCalls }: Scenario['context'],
  state: StateOf,
): Promise<void> {
  if (!state()?.offered) return;
  await world.tools(name);
  const { tools } = await world.client.tools.listTools({ provider: name });
  const calls =
    toolCalls?.map((each) => ({ name: `${name}__${each.name}`, args: each.arguments })) ??
    tools.map((tool) => ({ name: tool.name, args: argumentsOf(tool, tools) }));
  const faults: unknown[] = [];
  for (const call of calls) {
    await answerAll(world, call).catch(async (error: unknown) => {
      const isAsked = () => state()?.signIn !== undefined;
      await until(isAsked, 'the operator is asked', askedWithinMs).catch(() => {});
      const address = state()?.signIn;
      if (address === undefined) return void faults.push(error);
      await signInAt(address);
      await answerAll(world, call).catch((again: unknown) => faults.push(again));
    });
  }
  if (faults.length > 0) throw faults[0];
}

/** Calls, and says yes to whatever is asked. */
async function answerAll(world: UpstreamWorld, call: { name: string; args: object }) {
  let more: object = {};
  for (let round = 0; round < roundsMax; round++) {
    const last: CallToolResponse['message'] | undefined = (
      await world.call(call.name, call.args, { canAsk, ...more })
    ).at(-1);
    if (last?.case !== 'inputRequired') return;
    const asked = askedOf(last);
    for (const { mode, url } of asked.params) if (mode === 'url') await signInAt(url);
    more = asked.answered(...asked.params.map(() => ({ action: 'accept', content: {} })));
  }
  throw new Error(`${call.name} asks without end`);
}

/** Something for each argument that has to be there. */
function argumentsOf({ operation }: Tool, all: readonly Tool[]): object {
  const { properties = {} } = (operation?.inputSchema ?? {}) as {
    properties?: Record<string, { type?: string }>;
  };
  const other = all.find((each) => each.operation !== operation)?.operation?.inputSchema;
  const samples: Readonly<Record<string, unknown>> = {
    ...{ number: 2, integer: 2, boolean: true, object: other ?? {} },
  };
  const given = Object.entries(properties);
  return Object.fromEntries(given.map(([key, { type = '' }]) => [key, samples[type] ?? 'a']));
}

async function readAll(world: UpstreamWorld): Promise<void> {
  const entries = await Array.fromAsync(world.client.list({ type: 'Resource' }));
  const refs = entries.flatMap(({ ref }) =>
    ref ? [{ type: 'Resource', key: ref.key, provider: name }] : [],
  );
  if (refs.length > 0) await world.client.fetch(refs);
}

/** What an operator would write of the scenario's authorization server. */
async function oauthOf({ scenario, server, context }: Scenario): Promise<object> {
  const { client_id: client, client_secret, private_key_pem: key, issuer } = context;
  const isOwn = scenario.startsWith('auth/client-credentials');
  return {
    ...(isOwn ? { grant: 'client_credentials' } : { metadata, shared: shared.includes(scenario) }),
    ...(client !== undefined && { client, issuer: issuer ?? (await issuerOf(server)) }),
    ...(client_secret !== undefined && { secret: 'secret://suite' }),
    ...(key !== undefined && { key: 'secret://suite' }),
  };
}

async function issuerOf(server: string): Promise<string | undefined> {
  const { origin, pathname } = new URL(server);
  const answer = await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`);
  const found = (await answer.json()) as { authorization_servers?: string[] };
  return found.authorization_servers?.[0];
}

/** The line of a file of secrets that holds the one of a scenario. */
export function secretOf({ client_secret, private_key_pem }: Scenario['context']) {
  const secret = client_secret ?? private_key_pem?.replaceAll('\n', '\\n');
  return secret === undefined ? undefined : `suite=${secret}\n`;
}
