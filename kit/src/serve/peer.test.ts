import { expect, it } from 'vitest';
import { SettingsError } from '../settings.ts';
import { readTrustedProxies, urisOf } from './peer.ts';

it.each([
  ['', '127.0.0.1', false],
  ['127.0.0.1', '127.0.0.1', true],
  ['10.0.0.0/8, fd00::/8', '10.255.0.1', true],
  ['10.0.0.0/8, fd00::/8', '11.0.0.1', false],
  ['10.0.0.0/8, fd00::/8', 'fd12::1', true],
  ['10.0.0.0/8', '', false],
  ['10.0.0.0/8', '10.0.0.1, 1.2.3.4', false],
])('with %j, %j is trusted: %s', (setting, address, trusted) => {
  expect(readTrustedProxies('WEIR_TRUSTED_PROXIES', setting)(address)).toBe(trusted);
});

it.each(['proxy.example', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '::/129', '10.0.0/8'])(
  '%j is no network',
  (setting) => {
    expect(() => readTrustedProxies('WEIR_TRUSTED_PROXIES', setting)).toThrow(SettingsError);
  },
);

it.each([
  ['URI:spiffe://a/b', ['spiffe://a/b']],
  ['DNS:x, URI:spiffe://a/b, IP Address:127.0.0.1', ['spiffe://a/b']],
  ['URI:"spiffe://a/b, URI:spiffe://c/d"', ['spiffe://a/b, URI:spiffe://c/d']],
  ['DNS:"x, URI:spiffe://a/b"', []],
  ['DNS:"x\\", URI:spiffe://a/b"', []],
  ['DirName:"CN = x, URI:spiffe://a/b", URI:spiffe://c/d', ['spiffe://c/d']],
  ['', []],
])('the URIs of %j', (names, uris) => {
  expect(urisOf(names)).toEqual(uris);
});
