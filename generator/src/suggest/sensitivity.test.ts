import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { suggestedPolicy } from './policy.ts';
import { suggestSensitivity } from './sensitivity.ts';
import { wordsOf } from './words.ts';

test('a name has the same words however it is written', () => {
  const words = ['user', 'api', 'key'];
  for (const name of ['userApiKey', 'user_api_key', 'User-API-Key', 'userAPIKey', 'USER_API_KEY']) {
    expect(wordsOf(name)).toEqual(words);
  }
});

describe('what a field is taken for', () => {
  test.each([
    ['email', 'confidential'],
    ['contactEmail', 'confidential'],
    ['home_phone', 'confidential'],
    ['ssn', 'restricted'],
    ['dateOfBirth', 'confidential'],
    ['iban', 'restricted'],
    ['cardNumber', 'restricted'],
    ['cvv', 'restricted'],
    ['password', 'restricted'],
    ['accessToken', 'restricted'],
    ['client_secret', 'restricted'],
    ['APIKey', 'restricted'],
    ['billing_address', 'confidential'],
    ['address', 'confidential'],
    ['salary', 'restricted'],
    ['diagnosis', 'restricted'],
    ['lastName', 'confidential'],
    ['postalCode', 'confidential'],
    ['ipAddress', 'confidential'],
  ])('%s is %s', (name, level) => {
    const found = suggestSensitivity({ name });
    expect(found?.level).toBe(level);
    expect(found?.reason).toMatch(/^the name says "/);
  });

  test.each([
    'tokenizer',
    'addressable',
    'nextPageToken',
    'continuation_token',
    'emailVerified',
    'has_password',
    'passwordChangedAt',
    'macAddress',
    'healthCheck',
    'max_tokens',
    'completion_token_count',
    'emails_enabled',
    'secretary',
    'tracer',
    'keyboard',
    'name',
    'id',
    'ssh_key_fingerprint',
  ])('%s is nothing special', (name) => {
    expect(suggestSensitivity({ name })).toBeUndefined();
  });

  test('by its format, and by what its author says', () => {
    expect(suggestSensitivity({ name: 'x', format: 'password' })?.level).toBe('restricted');
    expect(suggestSensitivity({ name: 'x', format: 'email' })).toMatchObject({
      level: 'confidential',
      reason: 'the format is "email"',
    });
    expect(
      suggestSensitivity({ name: 'x', description: 'The social security number.' })?.level,
    ).toBe('restricted');
    expect(suggestSensitivity({ name: 'x', description: 'A token for a page.' })).toBeUndefined();
  });

  test('not at all when it is true or false', () => {
    expect(suggestSensitivity({ name: 'email', holdsText: false })).toBeUndefined();
  });
});

test('a policy names each field with its reason, and hides what is marked', () => {
  const marked = [
    { name: 'email', pointer: '/email' },
    { name: 'phone', pointer: '/people/*/phone' },
    { name: 'password', pointer: '/password' },
  ].map(({ name, pointer }) => {
    const found = suggestSensitivity({ name });
    if (!found) throw new Error(`${name} is not marked`);
    return { ...found, type: 'Customer', pointer };
  });
  const text = suggestedPolicy({ provider: 'crm', fields: marked }) ?? '';
  expect(text).toContain('"/email" # the name says "email"');
  const { kind, name, rules } = parse(text);
  expect([kind, name, rules.length]).toEqual(['Policy', 'crm', 2]);
  expect(rules[0]).toMatchObject({
    effect: 'oblige',
    resources: { types: ['Customer'], providers: ['crm'] },
    obligations: [{ mask: { fields: { pointers: ['/email', '/people/*/phone'] } } }],
  });
  expect(rules[1].obligations).toEqual([{ drop: { fields: { pointers: ['/password'] } } }]);
  expect(suggestedPolicy({ provider: 'crm', fields: [] })).toBeUndefined();
  // Names that YAML has words for are names all the same.
  const fields = marked.map((field) => ({ ...field, type: 'Null' }));
  const named = parse(suggestedPolicy({ provider: 'null', fields }) ?? '');
  expect([named.name, named.rules[0].resources]).toEqual([
    'null',
    { types: ['Null'], providers: ['null'] },
  ]);
});
