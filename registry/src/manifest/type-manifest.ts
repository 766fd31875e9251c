import { parseTypeName, parseVersion } from '@weir/kit';
import {
  CompatibilitySchema,
  type ContextTypeManifest,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { createChecker, LINE_CHARS_MAX, PROSE_CHARS_MAX } from './check.ts';
import type { Fault } from './fault.ts';
import { jsonFault } from './json-fault.ts';

/** All that is wrong with what a context type declares; its schema is judged apart. */
export function typeFaults(manifest: ContextTypeManifest): Fault[] {
  const check = createChecker();
  check.parsed(['name'], (field) => parseTypeName(field, manifest.name));
  check.parsed(['version'], (field) => parseVersion(field, manifest.version));
  check.line(['title'], manifest.title, LINE_CHARS_MAX);
  check.prose(['description'], manifest.description, PROSE_CHARS_MAX);
  check.tags(['tags'], manifest.tags);
  check.known(['compatibility'], CompatibilitySchema, manifest.compatibility);
  if (!manifest.schema) {
    check.fault(['schema'], 'write the JSON Schema (2020-12) of the values; {} allows any');
  }
  const fault = jsonFault(manifest.schema ?? {});
  if (fault) check.fault(['schema'], fault);
  return check.faults;
}
