import { expect, test } from 'vitest';
import { type NameOptions, nameTypes } from './names.ts';

const named = (tables: readonly string[], options: NameOptions = {}) => {
  const list = tables.map((text) => {
    const [schema = '', name = ''] = text.split('.');
    return { schema, name };
  });
  const names = nameTypes(list, options);
  return Object.fromEntries(list.map((one) => [`${one.schema}.${one.name}`, names.get(one)?.type]));
};

test.each([
  ['artist', 'Artist'],
  ['order_details', 'OrderDetail'],
  ['OrderDetails', 'OrderDetail'],
  ['us_states', 'UsState'],
  ['categories', 'Category'],
  ['people', 'Person'],
  ['addresses', 'Address'],
  ['status', 'Status'],
  ['news', 'News'],
  ['series', 'Series'],
  ['media', 'Media'],
  ['raw_data', 'RawData'],
  ['2fast', 'T2fast'],
  ['café', 'Cafe'],
  ['___', 'T'],
])('%s becomes %s', (name, type) => {
  expect(named([`public.${name}`])).toEqual({ [`public.${name}`]: type });
});

test('what Latin letters cannot write gets a mark of its own', () => {
  expect(named(['public.Größe'])['public.Größe']).toMatch(/^GroEX[0-9a-f]{6}$/);
});

test('of several that would have one name, that in public gets it, whatever their order is', () => {
  const tables = ['shop.orders', 'public.order', 'crm.orders', 'public.orders', 'public.metric'];
  const expected = {
    'public.order': 'Order',
    'public.orders': 'PublicOrder',
    'crm.orders': 'CrmOrder',
    'shop.orders': 'ShopOrder',
    'public.metric': 'PublicMetric',
  };
  expect(named(tables)).toEqual(expected);
  expect(named(tables.toReversed())).toEqual(expected);
});

test('what was chosen by hand goes before, and may not be twice', () => {
  const types = new Map([['crm.orders', 'Order']]);
  expect(named(['public.orders', 'crm.orders'], { types })).toEqual({
    'public.orders': 'PublicOrder',
    'crm.orders': 'Order',
  });
  const twice = new Map([...types, ['public.orders', 'Order']]);
  expect(() => named(['public.orders', 'crm.orders'], { types: twice })).toThrow(
    'is called so already',
  );
  const bad = new Map([['public.orders', 'order']]);
  expect(() => named(['public.orders'], { types: bad })).toThrow('is not the name of a type');
});

test('names are types of Weir, however long', () => {
  const long = ['x'.repeat(63), `${'x'.repeat(62)}y`, '日本', '本日'].map(
    (name) => `public.${name}`,
  );
  const types = Object.values(named(long));
  expect(new Set(types).size).toBe(4);
  for (const type of types) expect(type).toMatch(/^[A-Z][A-Za-z0-9]{0,62}$/);
});

test('a prefix stands before all that was not chosen by hand', () => {
  const types = new Map([['public.item', 'Thing']]);
  const tables = ['public.orders', 'public.item', 'public.metric', 'crm.orders'];
  expect(named(tables, { types, prefix: 'Shop' })).toEqual({
    'public.orders': 'ShopOrder',
    'public.item': 'Thing',
    'public.metric': 'ShopMetric',
    'crm.orders': 'ShopCrmOrder',
  });
  expect(() => named(tables, { prefix: 'shop' })).toThrow('no name of a type begins so');
});
