import type { JsonObject } from '@bufbuild/protobuf';
import type { TopicOffer } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import semver from 'semver';
import { compareText } from '../snapshot/catalogue.ts';
import { type Snapshot, schemaOf } from '../snapshot/snapshot.ts';

/** A topic as it is described. */
export interface Topic {
  readonly topic: string;
  readonly title: string;
  readonly description: string;
  /** The JSON Schema of the data; undefined: not stated. */
  readonly data: JsonObject | undefined;
}

/**
 * The topics that the providers of a tenant declare. Where several declare one, the newest version of
 * the first provider by name describes it.
 */
export function declaredTopics(snapshot: Snapshot, tenant: string): Map<string, Topic> {
  const topics = new Map<string, Topic>();
  for (const { topics: offers } of manifestsOf(snapshot, tenant)) {
    for (const offer of offers) {
      if (!topics.has(offer.topic)) topics.set(offer.topic, describe(snapshot, tenant, offer));
    }
  }
  return topics;
}

function manifestsOf(snapshot: Snapshot, tenant: string) {
  const manifests = [...(snapshot.entries.get(tenant)?.values() ?? [])].flatMap(({ body }) =>
    body.case === 'provider' && body.value.manifest ? [body.value.manifest] : [],
  );
  return manifests.sort(
    (a, b) => compareText(a.name, b.name) || semver.rcompare(a.version, b.version),
  );
}

function describe(snapshot: Snapshot, tenant: string, offer: TopicOffer): Topic {
  const { topic, title, description, type, version } = offer;
  const data = type === '' ? undefined : schemaOf(snapshot, { tenant, type, version });
  return { topic, title, description, data };
}
