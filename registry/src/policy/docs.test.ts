import { readFileSync } from 'node:fs';
import { conditionFault } from '@weir/policy';
import { expect, test } from 'vitest';
import { policyKind } from '../manifest/kinds.ts';
import { readManifest } from '../manifest/read-manifest.ts';

// What docs/policy.md shows is read as it stands there.

const docs = new URL('../../../docs/', import.meta.url);
const guide = readFileSync(new URL('policy.md', docs), 'utf8');

const blocks = (language: string) =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, text = '']) => text,
  );

test('the policies that are shown have no faults', () => {
  const shown = [...blocks('yaml'), readFileSync(new URL('examples/policy.yaml', docs), 'utf8')];
  expect(shown).toHaveLength(3);
  for (const value of shown) {
    const { manifest } = readManifest(policyKind, { case: 'document', value });
    expect(manifest.rules.length).toBeGreaterThan(0);
  }
});

const conditions = blocks('cel').flatMap((block) => block.trim().split('\n'));

test('conditions are shown', () => expect(conditions.length).toBeGreaterThan(5));

test.each(conditions)('%s', (condition) => expect(conditionFault(condition)).toBeUndefined());

test('every variable, function and method of the language that is named is there', () => {
  const inTables = [...guide.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code),
  );
  const variables = inTables.filter((code) => /^(subject|resource|environment)\.\w+$/.test(code));
  expect(variables.length).toBeGreaterThan(15);
  for (const variable of variables) {
    expect(conditionFault(`${variable} == ${variable}`), variable).toBeUndefined();
  }
  const calls = inTables.filter((code) => /^\w+\(.*\)$/.test(code) && !code.includes('…'));
  expect(calls.length).toBeGreaterThan(4);
  for (const call of calls) {
    const whole = call.startsWith('weekday') ? `${call} == 1` : call;
    expect(conditionFault(whole), call).toBeUndefined();
  }
  const methods = /Texts have the methods (.*); lists/.exec(guide)?.[1]?.match(/\w+(?=`)/g) ?? [];
  expect(methods).toContain('startsWith');
  for (const method of methods) {
    expect(conditionFault(`resource.key.${method}() == 1`)?.text ?? '').not.toMatch(
      /there is no method/,
    );
  }
});
