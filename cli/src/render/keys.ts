import type { ApiKey } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { scopeText } from '../options.ts';
import { painter } from '../terminal.ts';
import { type Part, renderPart } from './part.ts';
import { renderFields, type Screen } from './table.ts';
import { oneLine } from './text.ts';
import { formatTime } from './time.ts';

/** Renders a list of keys. */
export function renderKeys(part: Part<ApiKey>, screen: Screen): string {
  const columns = [
    { title: 'id' },
    { title: 'principal', shrinks: true },
    { title: 'consumer' },
    { title: 'scopes' },
    { title: 'created' },
    { title: 'expires' },
    { title: 'revoked' },
    { title: 'title', shrinks: true },
  ];
  const rows = part.items.map((key) => [
    key.id,
    key.principal,
    key.consumer,
    key.scopes.map(scopeText).join(', '),
    formatTime(key.createTime),
    formatTime(key.expireTime),
    formatTime(key.revokeTime),
    key.title,
  ]);
  return renderPart({ columns, rows, more: part.more, noun: 'key' }, screen);
}

/** Renders all about a key; never the key itself. */
export function renderKey(key: ApiKey, screen: Screen): string {
  return renderFields(
    [
      ['id', key.id],
      ['tenant', key.tenant],
      ['principal', key.principal],
      ['consumer', key.consumer],
      ['scopes', key.scopes.map(scopeText).join(', ')],
      ['permits', key.permits.join(', ')],
      ['signed', key.requiresSignature ? 'calls must be' : ''],
      ['title', key.title],
      ['created', formatTime(key.createTime)],
      ['expires', formatTime(key.expireTime) || 'never'],
      ['revoked', formatTime(key.revokeTime)],
    ],
    screen,
  );
}

/** Renders a key that was just created: the one time that it is shown. */
export function renderNewKey(secret: string, key: ApiKey | undefined, screen: Screen): string {
  const paint = painter(screen);
  const facts = key === undefined ? '' : renderKey(key, screen);
  const warning = paint('yellow', 'The key is shown this once; keep it in a safe place now:');
  return `${facts}\n${warning}\n\n  ${oneLine(secret)}\n\nUse it by setting WEIR_KEY.\n`;
}
