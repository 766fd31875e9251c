import { isIP } from 'node:net';
import { createLogger, createOutboundGuard, hostOf, readAllowed } from '@weir/kit';
import { expect, test } from 'vitest';
import { createGuard } from './guard.ts';

const faultOf = (allow: readonly string[], url: string) => createGuard(allow).faultOf(new URL(url));

test.each([
  'https://127.0.0.1',
  'https://10.0.0.1',
  'https://169.254.169.254',
  'https://[::1]',
  'https://[::ffff:127.0.0.1]',
  'https://[fd00:ec2::254]',
  'https://100.64.0.1',
  'https://0.0.0.0',
  'https://2130706433',
  'http://93.184.216.34',
])('%s is not called', (url) => {
  expect(faultOf([], url)).toMatch(/may not be called/);
});

test.each([
  [[], 'https://93.184.216.34'],
  [[], 'https://api.example.com'],
  [['loopback'], 'http://127.0.0.1:80'],
  [['private'], 'http://192.168.1.1'],
  [['10.1.0.0/16'], 'https://10.1.2.3'],
  [['169.254.169.254'], 'http://169.254.169.254'],
])('%j allows %s', (allow, url) => {
  expect(faultOf(allow, url)).toBeUndefined();
});

test.each([
  [['private'], 'http://127.0.0.1'],
  [['private'], 'http://169.254.169.254'],
  [['loopback'], 'https://10.0.0.1'],
])('%j does not allow %s', (allow, url) => {
  expect(faultOf(allow, url)).toBeDefined();
});

/** Addresses of every range, and those next to its ends. */
const addresses = [
  ...['0.0.0.0', '0.255.255.255', '1.0.0.0', '8.8.8.8', '9.255.255.255', '10.0.0.0', '11.0.0.0'],
  ...['100.63.255.255', '100.64.0.0', '100.100.100.200', '100.127.255.255', '100.128.0.0'],
  ...['126.255.255.255', '127.0.0.0', '127.255.255.255', '128.0.0.0', '168.63.129.15'],
  ...['168.63.129.16', '168.63.129.17', '169.253.255.255', '169.254.0.0', '169.254.169.254'],
  ...['169.254.170.2', '169.254.170.23', '169.255.0.0', '172.15.255.255', '172.16.0.0'],
  ...['172.31.255.255', '172.32.0.0', '192.0.0.0', '192.0.0.192', '192.0.1.0', '192.0.2.255'],
  ...['192.0.3.0', '192.31.195.255', '192.31.196.0', '192.31.197.0', '192.52.193.1'],
  ...['192.52.194.0', '192.88.98.255', '192.88.99.0', '192.88.100.0', '192.167.255.255'],
  ...['192.168.255.255', '192.169.0.0', '192.175.48.1', '192.175.49.0', '198.17.255.255'],
  ...['198.18.0.0', '198.19.255.255', '198.20.0.0', '198.51.100.1', '198.51.101.0'],
  ...['203.0.112.255', '203.0.113.0', '203.0.114.0', '223.255.255.255', '224.0.0.1'],
  ...['239.255.255.255', '240.0.0.0', '255.255.255.255'],
  ...['::', '::1', '::2', '::7f00:1', '::808:808', '::fffe:808:808', '::ffff:8.8.8.8'],
  ...['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:169.254.169.254', '::ffff:0:808:808'],
  ...['64:ff9b::', '64:ff9b::1', '64:ff9b::808:808', '64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe'],
  ...['64:ff9b::a01:200', '64:ff9b::1:808:808', '64:ff9b:1::808:808', '100::1', '1fff::1'],
  ...['2001::1', '2001:2::1', '2001:4:112::1', '2001:20::1', '2001:1ff::1', '2001:200::1'],
  ...['2001:db7:ffff::1', '2001:db8::1', '2001:db9::1', '2001:4860:4860::8888', '2002::1'],
  ...['2002:7f00:1::1', '2003::1', '2606:4700::1111', '2620:4f:7fff::1', '2620:4f:8000::1'],
  ...['2620:4f:8001::1', '3ffe::1', '3fff::1', '3fff:1000::1', '3fff:ffff::1', '4000::1'],
  ...['5f00::1', '8000::1', 'fbff::1', 'fc00::1', 'fd00:ec2::22', 'fd00:ec2::23'],
  ...['fd00:ec2::254', 'fd00:ec2::255', 'fd20:ce::254', 'fdff::1', 'fe00::1', 'fe80::1'],
  ...['fec0::1', 'feff::1', 'ff02::1'],
];

test.each([
  [[]],
  [['loopback']],
  [['private']],
  [['loopback', 'private']],
  [['0.0.0.0/0', '::/0']],
  [['10.0.0.0/8', '169.254.0.0/16', 'fd00::/8']],
  [['169.254.169.254', '168.63.129.16/32', 'fd00:ec2::254', 'fd20:ce::254/128']],
  [['64:ff9b:1::/48', '8.8.8.8', '2001:db8::/32', 'fec0::/10', '::/96']],
])('%j allows what it allows Weir itself', (allow) => {
  const log = createLogger({ name: 'test', level: 'silent' });
  const ofWeir = createOutboundGuard({ allow, log });
  const allowed = readAllowed(allow);
  const own = createGuard(allow);
  const urls = addresses.map((address) => {
    return new URL(`https://${isIP(address) === 6 ? `[${address}]` : address}`);
  });
  const verdicts = urls.map((url) => {
    const clear = new URL(url.href.replace('https:', 'http:'));
    return [url.host, own.faultOf(url) === undefined, own.faultOf(clear) === undefined];
  });
  const expected = urls.map((url) => {
    return [url.host, ofWeir.faultOf(url) === undefined, allowed.includes(hostOf(url))];
  });
  expect(verdicts).toEqual(expected);
});

test.each(['fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254'])(
  'no word and no network allows %s, which hands out credentials',
  (address) => {
    expect(faultOf(['loopback', 'private', 'fc00::/7'], `https://[${address}]`)).toBeDefined();
    expect(faultOf([address], `http://[${address}]`)).toBeUndefined();
  },
);

test.each([
  ...['::808:808', '::ffff:0:808:808', '64:ff9b:1::1', '100::1', '2001::1', '2002::1', '4000::1'],
  ...['5f00::1', 'fec0::1'],
])('%s is not public', (address) => {
  expect(faultOf(['loopback', 'private'], `https://[${address}]`)).toMatch(/is not public/);
});

test('a name is judged by its addresses', async () => {
  const url = new URL('https://localhost');
  const look = (allow: readonly string[]) =>
    new Promise((done) => {
      createGuard(allow).lookupFor(url)('localhost', { all: true }, (error) => done(error?.code));
    });
  expect(await look([])).toBe('ERR_REFUSED');
  expect(await look(['loopback'])).toBeUndefined();
});

test.each(['intern', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/8/8', ''])(
  '%j is no network',
  (entry) => {
    expect(() => createGuard([entry])).toThrow(`"${entry}" is no network`);
  },
);
