import { expect, test } from 'vitest';
import { parseUpstreams } from '../upstream-config.ts';

const read = (oauth: object, http: object = {}) => {
  const upstream = { name: 'crm', http: { url: 'https://crm.example/mcp', oauth, ...http } };
  const [found] = parseUpstreams('upstreams.yaml', JSON.stringify({ upstreams: [upstream] }));
  return found?.transport.kind === 'http' ? found.transport.oauth : undefined;
};
const client = { client: 'weir', issuer: 'https://issuer.example' };

test('each user signs in, unless something else is said', () => {
  expect(read({})).toMatchObject({ grant: 'authorization_code', isShared: false, issuer: '' });
  expect(read({ shared: true })).toMatchObject({ isShared: true });
  const own = { grant: 'client_credentials', ...client, key: 'secret://weir-key' };
  expect(read(own)).toMatchObject({ grant: 'client_credentials', algorithm: 'ES256' });
});

test.each([
  ['grant', { grant: 'password' }, 'use authorization_code, client_credentials'],
  ['secret', { grant: 'client_credentials' }, 'is missing'],
  ['secret', { secret: 'hunter2' }, 'no reference'],
  ['issuer', { client: 'weir', secret: 'secret://a' }, 'registered with'],
  ['client', { issuer: 'https://issuer.example', secret: 'secret://a' }, 'is missing'],
  ['key', { ...client, secret: 'secret://a', key: 'secret://b' }, 'beside secret'],
  ['key', { ...client, method: 'private_key_jwt' }, 'name the private key'],
  ['method', { ...client, key: 'secret://b', method: 'client_secret_post' }, 'of a secret'],
  ['shared', { ...client, grant: 'client_credentials', secret: 'secret://a', shared: true }, 'one'],
  ['metadata', { metadata: 'http://weir.example/client.json' }, 'https'],
  ['issuer', { issuer: 'https://user:pass@issuer.example' }, 'address'],
  ['scope', { scope: 'read  write' }, 'one space'],
  ['algorithm', { algorithm: 'none' }, 'use ES256'],
  ['password', { password: 'x' }, 'is not known'],
])('%s is judged in %o', (place, oauth, why) => {
  expect(() => read(oauth)).toThrow(`upstreams[0].http.oauth.${place}`);
  expect(() => read(oauth)).toThrow(why);
});

test('there is one way to a token', () => {
  expect(() => read({}, { bearer: 'secret://a' })).toThrow('stands beside bearer');
});
