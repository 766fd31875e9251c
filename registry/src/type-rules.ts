import {
  Compatibility,
  type ContextType,
  type ContextTypeManifest,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { gt, rsort } from 'semver';
import { checkCompatibility } from './compatibility/compatibility.ts';
import { schemaFaults } from './json-schema/json-schema.ts';
import type { Fault, Path } from './manifest/fault.ts';

/** What is wrong with the JSON Schema of a type. */
export function invalidSchemaFaults(manifest: ContextTypeManifest): Fault[] {
  return schemaFaults(manifest.schema ?? {}).map(({ path, text }) => ({
    path: schemaPath(path),
    text,
  }));
}

/** What a new version of a type breaks of what it promises to keep of an older one. */
export function promiseFaults(older: ContextTypeManifest, newer: ContextTypeManifest): Fault[] {
  const mode = modeOf(newer.compatibility);
  return checkCompatibility(older.schema ?? {}, newer.schema ?? {}, mode).map((fault) => ({
    path: schemaPath(fault.path),
    text: `${fault.text} (against version ${older.version}, compatibility ${mode})`,
  }));
}

/** The newest version that is older than one. */
export function newestOlder(
  held: readonly ContextType[],
  version: string,
): ContextType | undefined {
  const versions = held.map((type) => type.manifest?.version ?? '');
  const [newest] = rsort(versions.filter((one) => gt(version, one)));
  return held.find((type) => type.manifest?.version === newest);
}

function modeOf(compatibility: Compatibility) {
  switch (compatibility) {
    case Compatibility.UNSPECIFIED:
    case Compatibility.BACKWARD:
      return 'backward';
    case Compatibility.FORWARD:
      return 'forward';
    case Compatibility.FULL:
      return 'full';
    case Compatibility.NONE:
      return 'none';
    default:
      throw new Error(`a compatibility that was not checked: ${compatibility}`);
  }
}

/** From a JSON Pointer within the schema to a path within the manifest. */
function schemaPath(pointer: string): Path {
  const steps = pointer.split('/').filter((step) => step !== '' && step !== '#');
  return [
    'schema',
    ...steps.map((step) => {
      const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
      return /^\d+$/.test(name) ? Number(name) : name;
    }),
  ];
}
