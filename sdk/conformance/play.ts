import { setTimeout as wait } from 'node:timers/promises';
import { toJson } from '@bufbuild/protobuf';
import { createWeir, type Weir } from '@weir/sdk';
import { ProviderManifestSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import {
  type Answer,
  type ConsumerDriver,
  type ProviderDriver,
  startConsumer,
  startProvider,
} from './driver.ts';
import { mismatches } from './match.ts';
import type { Scenario, Step } from './scenario.ts';
import { openWay, type Way } from './way.ts';
import type { RunningWeir } from './weir.ts';

/** How long one step may take, in milliseconds. */
const STEP_MAX_MS = 60_000;

/** Drivers of one language at work with one Weir. */
export interface Stage extends AsyncDisposable {
  /** Plays a scenario. Throws an error that names the step and what was not as expected. */
  play(scenario: Scenario): Promise<void>;
}

/** What a language's drivers are started with. */
interface Cast {
  readonly language: string;
  readonly weir: RunningWeir;
  readonly admin: Weir;
  /** The provider's name. */
  readonly name: string;
  readonly way: Way;
  provider: ProviderDriver;
  readonly consumer: ConsumerDriver;
}

/** Starts the drivers of a language: one provider, and one consumer whose way can be broken. */
export async function openStage(language: string, weir: RunningWeir): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const admin = createWeir({ url: weir.url, key: weir.key });
  stack.defer(() => admin.close());
  const way = stack.use(await openWay(weir.url));
  const name = `probe-${language}`;
  const provider = startProvider(language, { url: weir.url, key: weir.key, provider: name });
  const consumer = stack.use(startConsumer(language, { url: way.url, key: weir.key }));
  const cast: Cast = { language, weir, admin, name, way, provider, consumer };
  stack.defer(async () => void (await cast.provider.end()));
  await registered(provider);
  const owned = stack.move();
  return {
    play: (scenario) => play(cast, scenario),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function play(cast: Cast, { steps }: Scenario): Promise<void> {
  await using scene = openScene(cast);
  for (const [index, step] of steps.entries()) {
    const late = new AbortController();
    const tooLong = wait(STEP_MAX_MS, undefined, { signal: late.signal, ref: false }).then(() => {
      throw new Error(`was not done within ${STEP_MAX_MS} ms`);
    });
    tooLong.catch(() => {});
    try {
      await Promise.race([take(cast, scene, step), tooLong]);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(`step ${index + 1}: ${text}`);
    } finally {
      late.abort();
    }
  }
}

/** What lasts as long as a scenario. */
interface Scene extends AsyncDisposable {
  consumer: ConsumerDriver;
  readonly stack: AsyncDisposableStack;
  readonly underWay: Map<string, ReturnType<ConsumerDriver['do']>>;
  readonly kept: Map<string, string>;
}

function openScene({ consumer, name, way }: Cast): Scene {
  const stack = new AsyncDisposableStack();
  stack.defer(() => way.close(false));
  return {
    consumer,
    stack,
    underWay: new Map(),
    kept: new Map([['provider', name]]),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function take(cast: Cast, scene: Scene, step: Step): Promise<void> {
  if (step.do !== undefined) return command(scene, step.do, step);
  if (step.await !== undefined) {
    return check(scene, step, await named(scene, step.await).answer);
  }
  if (step.way !== undefined) return breakWay(cast.way, step.way);
  if (step.provider !== undefined) return changeProvider(cast, step);
  if (step.consumer !== undefined) {
    scene.consumer = scene.stack.use(anotherConsumer(cast, step.consumer));
  }
  if (step.manifest) check(scene, step, { result: await manifestOf(cast) });
  if (step.forget) await forget(cast);
  if (step.wait !== undefined) await wait(step.wait);
}

async function command(scene: Scene, name: string, step: Step): Promise<void> {
  const given = filled(scene, step.with ?? {}) as Record<string, unknown>;
  const refs = 'refs' in given ? { refs: expanded(given.refs) } : {};
  const of = typeof given.of === 'string' ? { of: named(scene, given.of).id } : {};
  const running = scene.consumer.do({ do: name, ...given, ...refs, ...of });
  if (step.as === undefined) check(scene, step, await running.answer);
  else scene.underWay.set(step.as, running);
}

/** Texts as they are; or `{ like, count }`: so many refs, numbered from 0. */
function expanded(refs: unknown): unknown {
  if (typeof refs !== 'object' || refs === null || Array.isArray(refs)) return refs;
  const { like, count } = refs as { like: string; count: number };
  return Array.from({ length: count }, (_, index) => `${like}${index}`);
}

function check(scene: Scene, step: Step, answer: Answer): void {
  const hasFailed = 'error' in answer;
  if (hasFailed !== (step.error !== undefined)) {
    throw new Error(hasFailed ? `failed: ${JSON.stringify(answer)}` : 'did not fail');
  }
  const [expected, actual] = hasFailed ? [step.error, answer.error] : [step.expect, answer.result];
  if (expected === undefined) return;
  const faults = mismatches(filled(scene, expected), actual);
  if (faults.length > 0) throw new Error(faults.slice(0, 5).join('; '));
  for (const [name, path] of Object.entries(step.keep ?? {})) {
    scene.kept.set(
      name,
      String(path.split('.').reduce((at, key) => Reflect.get(at as object, key), actual)),
    );
  }
}

function named({ underWay }: Scene, name: string) {
  const running = underWay.get(name);
  if (running) return running;
  throw new Error(`nothing is under way as ${name}`);
}

/** The same with what is kept put into its texts. */
function filled(scene: Scene, value: unknown): unknown {
  if (typeof value === 'string') {
    return value.replaceAll(/\{(\w+)\}/g, (whole, name) => scene.kept.get(name) ?? whole);
  }
  if (Array.isArray(value)) return value.map((each) => filled(scene, each));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, filled(scene, each)]),
  );
}

function breakWay(way: Way, change: NonNullable<Step['way']>): void {
  if (change === 'cut') way.cut();
  else if (change === 'close') way.close(true);
  else if (change === 'open') way.close(false);
  else way.drop(change.drop);
}

async function changeProvider(cast: Cast, { provider: change, error }: Step): Promise<void> {
  const { language, name, weir, way } = cast;
  const env = { url: weir.url, key: weir.key, provider: name };
  switch (change) {
    case 'stop': {
      const code = await cast.provider.end();
      if (code !== 0) throw new Error(`the provider ended with ${code}: ${cast.provider.errors()}`);
      return;
    }
    case 'start':
      cast.provider = startProvider(language, env);
      return registered(cast.provider);
    case 'start-early':
      // Weir is behind the way, which is closed.
      cast.provider = startProvider(language, { ...env, url: way.url });
      return;
    case 'registered':
      return registered(cast.provider);
    default: {
      await using other = startProvider(language, { ...env, key: change?.key ?? '' });
      const faults = mismatches(error, await other.said);
      const code = await other.ended;
      if (code !== 1) faults.push(`it ended with ${code}, not 1`);
      if (faults.length > 0) throw new Error(faults.join('; '));
    }
  }
}

async function registered({ said }: ProviderDriver): Promise<void> {
  const faults = mismatches({ event: 'registered' }, await said);
  if (faults.length > 0) throw new Error(faults.join('; '));
}

function anotherConsumer(
  { language, way, weir }: Cast,
  { key = weir.key, firstAddress }: NonNullable<Step['consumer']>,
): ConsumerDriver {
  // Nothing listens on the port of the discard service.
  const dead = firstAddress === 'dead' ? ['http://127.0.0.1:9'] : [];
  return startConsumer(language, { url: [...dead, way.url].join(','), key });
}

async function manifestOf(cast: Cast): Promise<unknown> {
  const { manifest } = await registration(cast);
  return manifest && toJson(ProviderManifestSchema, manifest);
}

async function forget(cast: Cast): Promise<void> {
  const { endpoints } = await registration(cast);
  if (endpoints.length === 0) throw new Error('the provider is nowhere');
  for (const { id } of endpoints) await cast.admin.registry.deregisterEndpoint({ endpointId: id });
}

async function registration({ admin, name }: Cast) {
  const { provider } = await admin.registry.getProvider({ name });
  if (provider) return provider;
  throw new Error(`there is no provider ${name}`);
}
