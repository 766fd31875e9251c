import { parseName, parseRange, parseTypeName } from '@weir/kit';
import type { ConsumerManifest } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { createChecker, LINE_CHARS_MAX, PROSE_CHARS_MAX } from './check.ts';
import type { Fault } from './fault.ts';
import { checkLimits } from './limits.ts';

const PINS_MAX = 256;

/** All that is wrong with what a consumer declares. */
export function consumerFaults(manifest: ConsumerManifest): Fault[] {
  const check = createChecker();
  check.parsed(['name'], (field) => parseName(field, manifest.name));
  check.line(['title'], manifest.title, LINE_CHARS_MAX);
  check.prose(['description'], manifest.description, PROSE_CHARS_MAX);
  check.tags(['tags'], manifest.tags);
  check.line(['category'], manifest.category, LINE_CHARS_MAX);
  check.line(['owner'], manifest.owner, LINE_CHARS_MAX);
  checkLimits(check, manifest.limits, ['limits']);
  check.count(['pins'], manifest.pins.length, PINS_MAX);
  const pinned = new Set<string>();
  manifest.pins.forEach(({ target, versionRange }, i) => {
    const path = ['pins', i];
    if (target.case === undefined) {
      check.fault(path, 'say what is pinned: a type or a provider');
    } else {
      const parse = target.case === 'type' ? parseTypeName : parseName;
      check.parsed([...path, target.case], (field) => parse(field, target.value));
      const name = `${target.case}/${target.value}`;
      if (pinned.has(name)) check.fault(path, `${target.case} ${target.value} is pinned above`);
      pinned.add(name);
    }
    check.parsed([...path, 'versionRange'], (field) => parseRange(field, versionRange));
  });
  return check.faults;
}
