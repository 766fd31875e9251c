import type { Consumer, Pin } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { type Part, renderPart } from './part.ts';
import { renderFields, type Screen } from './table.ts';
import { formatTime } from './time.ts';

/** Renders a list of consumers. */
export function renderConsumers(part: Part<Consumer>, screen: Screen): string {
  const columns = [
    { title: 'name' },
    { title: 'title', shrinks: true },
    { title: 'category' },
    { title: 'pins', shrinks: true },
    { title: 'tags', shrinks: true },
  ];
  const rows = part.items.map(({ manifest }) => [
    manifest?.name ?? '',
    manifest?.title ?? '',
    manifest?.category ?? '',
    pinsText(manifest?.pins ?? []),
    manifest?.tags.join(', ') ?? '',
  ]);
  return renderPart({ columns, rows, more: part.more, noun: 'consumer' }, screen);
}

/** Renders all about a consumer. */
export function renderConsumer(consumer: Consumer, screen: Screen): string {
  const { manifest } = consumer;
  return renderFields(
    [
      ['consumer', manifest?.name ?? ''],
      ['title', manifest?.title ?? ''],
      ['description', manifest?.description ?? ''],
      ['category', manifest?.category ?? ''],
      ['tags', manifest?.tags.join(', ') ?? ''],
      ['owner', manifest?.owner ?? ''],
      ['tenant', consumer.tenant],
      ['pins', pinsText(manifest?.pins ?? [])],
      ['registered', formatTime(consumer.createTime)],
      ['changed', formatTime(consumer.updateTime)],
      ['etag', consumer.etag],
    ],
    screen,
  );
}

function pinsText(pins: readonly Pin[]): string {
  return pins.map((pin) => `${pin.target.value ?? ''}@${pin.versionRange}`).join(', ');
}
