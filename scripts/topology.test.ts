import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { weirVariables } from '@weir/kit';
import { describe, expect, test } from 'vitest';
import { readCompose } from './topology/compose.ts';
import { parseDockerfile, parseExecForm } from './topology/dockerfile.ts';
import { missingPrograms } from './topology/engine.ts';
import { readIgnore } from './topology/ignore.ts';
import { tryTopology } from './topology/try.ts';

const context = join(import.meta.dirname, '..');
const missing = missingPrograms();

test('a Dockerfile is read: stages, flags, arguments, lines that go on', () => {
  const stages = parseDockerfile(`# syntax=x
ARG NODE=node:24
FROM \${NODE} AS build
RUN --mount=type=cache,target=/x npm ci \\
  --ignore-scripts
FROM build
COPY --from=build /a /b
`);
  expect(stages).toEqual([
    {
      name: 'build',
      base: 'node:24',
      steps: [
        {
          verb: 'RUN',
          flags: { mount: 'type=cache,target=/x' },
          rest: 'npm ci    --ignore-scripts',
        },
      ],
    },
    {
      name: '1',
      base: 'build',
      steps: [{ verb: 'COPY', flags: { from: 'build' }, rest: '/a /b' }],
    },
  ]);
  expect(() => parseExecForm('node main.ts')).toThrow();
});

test('what is ignored is what Docker ignores: the last line that matches wins', () => {
  const isIgnored = readIgnore('# all\n*\n!kit\n**/*.test.ts\n**/.*\n');
  expect(isIgnored('notes.txt')).toBe(true);
  expect(isIgnored('kit/src/log.ts')).toBe(false);
  expect(isIgnored('kit/src/log.test.ts')).toBe(true);
  expect(isIgnored('kit/.env')).toBe(true);
});

describe('compose.yaml', () => {
  const services = readCompose(join(context, 'compose.yaml'));
  const weir = services.filter(({ image }) => image === undefined);

  test('services come after what they depend on', () => {
    const seen = new Set<string>();
    for (const { name, dependsOn } of services) {
      for (const other of Object.keys(dependsOn)) expect(seen, name).toContain(other);
      seen.add(name);
    }
    expect(seen.size).toBeGreaterThan(6);
  });

  test('what runs once is waited for by something that stays, or `up --wait` would fail', () => {
    for (const { name } of services.filter(({ staysUp }) => !staysUp)) {
      const waiting = services.filter(
        ({ dependsOn }) => dependsOn[name] === 'service_completed_successfully',
      );
      expect(
        waiting.some(({ staysUp }) => staysUp),
        name,
      ).toBe(true);
    }
  });

  test('no secret stands in it, and each process has longer to stop than it takes', () => {
    for (const { name, environment, stopGraceMs } of weir) {
      const values = Object.entries(environment);
      const secrets = values.filter(([key]) => /SECRET|PASSWORD|KEY/.test(key));
      for (const [key] of secrets) expect(key, name).toMatch(/_FILE$/);
      for (const [, value] of values) expect(value, name).not.toMatch(/:\/\/[^/]*:[^/]*@/);
      expect(stopGraceMs).toBeGreaterThan(30_000);
    }
  });
});

describe('the operating guide', () => {
  const guide = readFileSync(join(context, 'docs/operating.md'), 'utf8');

  test('has a place for every alert', () => {
    const rules = readFileSync(join(context, 'deploy/prometheus/alerts.yaml'), 'utf8');
    const places = [...rules.matchAll(/runbook_url: docs\/operating\.md#(\S+)/g)];
    expect(places.length).toBeGreaterThan(5);
    const headings = [...guide.matchAll(/^#+ (.+)$/gm)].map(([, text = '']) =>
      text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'),
    );
    for (const [, place] of places) expect(headings).toContain(place);
  });

  test('names only settings, files and metrics that there are', () => {
    const settings = [...guide.matchAll(/`(WEIR_[A-Z0-9_]+)`/g)].map(([, name]) => name);
    for (const name of settings) expect(weirVariables).toContain(name);
    const files = [...guide.matchAll(/\]\((?!http|#)([^)#]+)/g)].map(([, file = '']) => file);
    for (const file of files) expect(existsSync(join(context, 'docs', file)), file).toBe(true);
    const metrics = [...guide.matchAll(/`((?:weir|rpc)_[a-z_]+)`/g)].map(([, name]) => name);
    const known = readFileSync(join(context, 'docs/observability.md'), 'utf8');
    for (const name of metrics) expect(known).toContain(`\`${name}\``);
  });
});

// PostgreSQL, Redis and HAProxy stand for their images, and are installed as programs.
describe.skipIf(missing.length > 0)(`the topology (missing here: ${missing.join(', ')})`, () => {
  test('is built, started, tried and stopped', { timeout: 600_000 }, async () => {
    const said: string[] = [];
    const { passed, failed } = await tryTopology(context, (text) => said.push(text));
    expect(failed, said.join('\n')).toBe(0);
    expect(passed).toBeGreaterThan(10);
  });
});
