import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { createAddressCount, originOf } from './addresses.ts';

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['2001:db8:1:2:3:4:192.0.2.7', '2001:db8:1:2::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['', ''],
])('what comes from %s is counted as of %s', (address, origin) => {
  expect(originOf(address)).toBe(origin);
});

it('who has a network of IPv6 addresses may open no more connections than who has one address', () => {
  const addresses = createAddressCount(2);
  const open = (remoteAddress: string) => {
    const socket = Object.assign(new EventEmitter(), { remoteAddress, destroy() {} });
    return { socket, isLetIn: addresses.enter(socket as unknown as Socket) };
  };
  const first = open('2001:db8::1');
  expect([first, open('2001:db8::2'), open('2001:db8::3')].map(({ isLetIn }) => isLetIn)).toEqual([
    true,
    true,
    false,
  ]);
  expect(open('2001:db8:0:1::1').isLetIn).toBe(true);
  first.socket.emit('close');
  expect(open('2001:db8::4').isLetIn).toBe(true);
});
