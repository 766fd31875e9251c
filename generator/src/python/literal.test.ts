import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { docstring, literal, render, textLiteral, wrapped } from './literal.ts';
import { className, isIdentifier, packageName, snakeName } from './names.ts';
import { pythonMissing } from './testing/python.ts';

const hostile = [
  '"',
  "'",
  '"\'',
  '\\',
  '\\"',
  '"""',
  '"""; import os; """',
  '{x}',
  '%s',
  'a\nb\r\t\u0000\u007f\u0085\u2028\u2029\u202e',
  '\u{1f600} 漢 é e\u0301',
  'N{BULLET} \\N{BULLET} \\u0041',
  '# comment',
  `"quoted" ${'long '.repeat(60)}"end"`,
  `${'x'.repeat(200)}\\`,
];

/** Runs a program, and gives what it prints as JSON. */
function python(program: string, input: string): unknown {
  const ran = spawnSync('/usr/bin/python3', ['-c', program], { input, encoding: 'utf8' });
  if (ran.status !== 0) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout);
}

// What is written is read by the language itself.
const evaluate = `
import ast, json, sys
print(json.dumps([ast.literal_eval(each) for each in json.load(sys.stdin)]))
`;
const compile = `
import ast, json, sys
trees = [ast.parse(each) for each in json.load(sys.stdin)]
print(json.dumps([[type(node).__name__ for node in tree.body] for tree in trees]))
`;

describe.skipIf(pythonMissing)(`texts of Python (skipped: ${pythonMissing ?? 'no'})`, () => {
  test('any value of JSON is written as itself', () => {
    const values = [...hostile, ...fc.sample(fc.jsonValue(), { numRuns: 500, seed: 1 })];
    const named = Object.fromEntries(hostile.map((text, index) => [text, index]));
    const all = [...values, named, { list: [1, null, true, { 'x-y': [] }], empty: {} }];
    const texts = all.map((value) => render(literal(value), ''));
    expect(python(evaluate, JSON.stringify(texts))).toEqual(JSON.parse(JSON.stringify(all)));
  });

  test('what a document says stays in its docstring and in its comment', () => {
    const texts = hostile.flatMap((text) => [
      `class X:\n${docstring([text], 4)}\n`,
      `class X:\n${docstring([text, text], 4)}\n`,
      `${wrapped(text, 90)
        .map((line) => `# ${line}\n`)
        .join('')}class X:\n    x = ${textLiteral(text)}\n`,
    ]);
    const bodies = python(compile, JSON.stringify(texts)) as readonly (readonly string[])[];
    for (const [at, body] of bodies.entries()) expect(body, texts[at]).toEqual(['ClassDef']);
  });
});

test('names are names', () => {
  const names = [
    ...hostile,
    'class',
    'None',
    '2fa',
    'userId',
    'X-Rate-Limit',
    '日本',
    '',
    '__init__',
  ];
  for (const name of names) {
    expect(className(name)).toMatch(/^[A-Za-z][A-Za-z0-9]*$/);
    expect(snakeName(name)).toMatch(/^[a-z][a-z0-9_]*$/);
    expect(isIdentifier(snakeName(name))).toBe(true);
  }
  expect([className('pet-owner'), snakeName('PetOwnerID')]).toEqual(['PetOwner', 'pet_owner_id']);
  expect([packageName('my-api'), packageName('crm-provider')]).toEqual([
    'my_api_provider',
    'crm_provider',
  ]);
});
