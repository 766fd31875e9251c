import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import { PGlite } from '@electric-sql/pglite';
import { systemClock } from '@weir/kit';
import { type ActionName, createSubject, indexPolicies } from '@weir/policy';
import { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { SnapshotEntrySchema } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { drizzle } from 'drizzle-orm/pglite';
import { migrate } from 'drizzle-orm/pglite/migrator';
import { expect, test } from 'vitest';
import { policyKind } from '../manifest/kinds.ts';
import { readManifest } from '../manifest/read-manifest.ts';
import { migrationsFolder } from '../store/driver.ts';
import { createEntry, entryDigest } from '../store/entry.ts';
import { openTestRegistry } from '../test-registry.ts';
import { starterPolicy } from './starter.ts';

test('a tenant begins with the starter policy', async () => {
  await using weir = await openTestRegistry();
  await weir.as().admin.createTenant({ name: 'other' });
  for (const tenant of ['default', 'other']) {
    const { policy } = weir.as({ tenant, scopes: [Scope.ADMIN] });
    const { policies } = await policy.listPolicies({});
    expect(policies).toMatchObject([{ name: 'starter', version: 1, inForce: true, author: '' }]);
  }
});

test('the starter policy can be read in a minute', async () => {
  const text = await readFile(new URL('./starter.yaml', import.meta.url), 'utf8');
  expect(text.split(/\s+/).length).toBeLessThan(300);
  const { manifest } = await starterPolicy({ clock: systemClock }, 'default');
  expect(manifest?.rules.map(({ name }) => name)).toEqual([
    'administrators',
    'everybody',
    'scopes-decide',
  ]);
});

test('the starter policy: restricted items are for administrators, all else is for everybody', async () => {
  const index = indexPolicies([await starterPolicy({ clock: systemClock }, 't')]);
  const facts = { purpose: '', network: '::1', authentication: 'key' as const, nowMs: 0 };
  const decide = (role: string, action: ActionName, sensitivity?: Sensitivity) => {
    const subject = { tenant: 't', principal: 'p', kind: 'user', consumer: '' };
    const cell = index.cell(
      createSubject({ ...subject, attributes: { roles: [role] } }),
      action,
      'T',
    );
    const item = sensitivity === undefined ? undefined : { sensitivity, labels: {}, owner: '' };
    return cell.decide(facts, { key: 'k', provider: 'p' }, item).effect;
  };
  for (const action of ['fetch', 'list', 'subscribe', 'call'] as const) {
    expect(decide('admin', action)).toBe('allow');
    expect(decide('admin', action, Sensitivity.RESTRICTED)).toBe('allow');
    expect(decide('clerk', action)).toBe('conditional');
    expect(decide('clerk', action, Sensitivity.RESTRICTED)).toBe('deny');
    expect(decide('clerk', action, Sensitivity.CONFIDENTIAL)).toBe('allow');
    expect(decide('clerk', action, Sensitivity.UNSPECIFIED)).toBe('allow');
  }
  expect(decide('clerk', 'administer')).toBe('allow');
});

test('the rule that the starter policy shows can be put', async () => {
  const text = await readFile(new URL('./starter.yaml', import.meta.url), 'utf8');
  const shown = text.replaceAll(/^#( {2,}.*)$/gm, '$1').replaceAll(/^#.*$/gm, '');
  const { manifest } = readManifest(policyKind, { case: 'document', value: shown });
  expect(manifest.rules.at(-1)?.name).toBe('no-secrets');
});

test('a database from before there were policies gets it once, and its entries their places', async () => {
  await using opening = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'weir-upgrade-'));
  opening.defer(() => rm(dataDir, { recursive: true, force: true }));
  await makeOlderDatabase(dataDir);

  const open = () => openTestRegistry({ dataDir, pgliteDump: undefined });
  {
    const weir = await open();
    // Not the whole of it, which would remove the data too.
    await using _ = weir.opened;
    const { policy } = weir.as({ tenant: 'old' });
    expect((await policy.listPolicies({})).policies).toMatchObject([{ name: 'starter' }]);
    await using follower = await weir.watch();
    await follower.until((entries) => entries.has('policy/old/starter'));
    const kinds = [...follower.entries.keys()].map((id) => id.split('/')[0]);
    const held = kinds.filter((kind) => kind !== 'type');
    expect(held).toEqual(['tenant', 'policy', 'consumer', 'principal', 'key']);
    expect(follower.entries.get('tenant/old')?.body.value).toMatchObject({
      etag: expect.stringMatching(/^[0-9a-f]{20}$/),
    });
    const value = 'name: own\nrules: [{ name: a, effect: allow, actions: [any] }]\n';
    await policy.putPolicy({ policy: { source: { case: 'document', value } } });
    await policy.deletePolicy({ name: 'starter' });
  }
  await using again = await open();
  const { policies } = await again.as({ tenant: 'old' }).policy.listPolicies({});
  expect(policies.map(({ name }) => name)).toEqual(['own']);
}, 30_000);

/** What routers were told then, and the places of those kinds. */
const ids = ['tenant/old', 'consumer/old/c', 'principal/old/p', 'key/old/k'];
const ranks = [0, 5, 6, 7];

/** A database as the release before policies left it, with a tenant. */
async function makeOlderDatabase(dataDir: string): Promise<void> {
  const older = join(dataDir, 'migrations');
  await cp(migrationsFolder, older, { recursive: true });
  const journalFile = join(older, 'meta/_journal.json');
  const journal = JSON.parse(await readFile(journalFile, 'utf8'));
  const entries = journal.entries.filter(({ idx }: { idx: number }) => idx < 3);
  await writeFile(journalFile, JSON.stringify({ ...journal, entries }));
  await using client = await PGlite.create(join(dataDir, 'db'));
  await migrate(drizzle({ client }), { migrationsFolder: older });
  await client.query(
    "insert into installation (id, epoch, entry_form, revision, digest) values (1, 'e', 2, 1, $1)",
    [
      BigInt.asIntN(
        64,
        ids.reduce((sum, id) => sum ^ entryDigest(id, 1n), 0n),
      ),
    ],
  );
  await client.query("insert into tenants (name, title, create_time) values ('old', '', now())");
  for (const [i, id] of ids.entries()) {
    await client.query(
      'insert into snapshot_entries (id, rank, revision, entry) values ($1, $2, 1, $3)',
      [id, ranks[i], toBinary(SnapshotEntrySchema, createEntry(id, 1n))],
    );
  }
}
