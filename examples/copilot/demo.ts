import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWeir, type PageDSL } from '@weir/sdk';
import { PrincipalKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { start } from './processes.ts';

// Starts Weir, the page builder and the copilot, each in a process of its own, and saves pages.
// With --watch it goes on until Ctrl-C.

const staysUp = process.argv.includes('--watch');
const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);

await using stack = new AsyncDisposableStack();
const dataDir = await mkdtemp(join(tmpdir(), 'weir-copilot-'));
stack.defer(() => rm(dataDir, { recursive: true, force: true }));

const weir = stack.use(
  start('standalone/src/main.ts', {
    args: ['--port', '0', '--data', dataDir],
    env: { WEIR_OPS_PORT: '0' },
  }),
);
const [, url = ''] = await weir.says(/callers +(\S+)/);
say('weir')(`is up at ${url}`);
const keys = await prepare(url);

const builder = stack.use(program('pages', keys.builder));
const [, pagesUrl = ''] = await builder.says(/saved at (\S+)/);
const copilot = stack.use(program('copilot', keys.copilot, staysUp ? [] : ['--once']));
await copilot.says(/subscribed/);

await save({ id: 'hr/salaries', title: 'Salaries', root: { id: 'page', type: 'Page' } });
await save({
  ...{ id: 'sales/orders', title: 'Orders' },
  dataSources: [{ id: 'orders', kind: 'sql', query: 'select id, status, total from orders' }],
  root: { id: 'table', type: 'Table', bindings: { rows: { expression: 'data.orders' } } },
});

if (staysUp) {
  const root = { id: 'page', type: 'Page' };
  const page = JSON.stringify({ id: 'sales/home', title: 'Home', updatedBy: 'ada', root });
  say('demo')(`save a page of yours, or end with Ctrl-C: curl -d '${page}' ${pagesUrl}`);
  await stopped;
} else {
  await copilot.says(/Who saved it/);
  process.exitCode = (await copilot.ended) ?? 1;
}

/** What an administrator does once: two principals, each with a key of its own, and a policy. */
async function prepare(url: string): Promise<{ builder: string; copilot: string }> {
  const key = (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim();
  const client = createWeir({ url, key });
  const keyOf = async (principal: string, scope: Scope): Promise<string> => {
    const { secret } = await client.admin.createKey({ principal, scopes: [scope] });
    return secret;
  };
  try {
    const kind = PrincipalKind.AGENT;
    const attributes = { roles: ['copilot'] };
    await client.admin.createPrincipal({ name: 'page-builder', kind: PrincipalKind.SERVICE });
    await client.admin.createPrincipal({ name: 'page-copilot', kind, attributes });
    const value = await readFile(join(import.meta.dirname, 'policy.yaml'), 'utf8');
    await client.policy.putPolicy({ policy: { source: { case: 'document', value } } });
    return {
      builder: await keyOf('page-builder', Scope.REGISTER),
      copilot: await keyOf('page-copilot', Scope.READ),
    };
  } finally {
    client.close();
  }
}

function program(name: 'pages' | 'copilot', key: string, args: readonly string[] = []) {
  const env = { WEIR_URL: url, WEIR_KEY: key };
  return start(`examples/copilot/${name}.ts`, { args, env, onLine: say(name) });
}

/** Saves a page as Ada. */
async function save(page: PageDSL): Promise<void> {
  const body = JSON.stringify({ ...page, updatedBy: 'ada' });
  const answer = await fetch(pagesUrl, { method: 'POST', body });
  if (!answer.ok) throw new Error(`${page.id} was not saved: ${await answer.text()}`);
}

function say(who: string): (line: string) => void {
  return (line) => console.log(`${who.padEnd(8)} ${line}`);
}
