import { create } from '@bufbuild/protobuf';
import { type TopicOffer, TopicOfferSchema } from '../gen/weir/registry/v1/resources_pb.ts';
import type { JsonSchema } from './context.ts';

/** A topic that a provider publishes on, for who wants to subscribe. */
export interface TopicSpec {
  /** The topic, such as `page.updated`: 1 to 8 names, separated by dots. */
  readonly topic: string;
  /** What people call it. */
  readonly title?: string | undefined;
  /** What its events tell, in a few sentences. */
  readonly description?: string | undefined;
  /** What the data of its events is, as JSON. Default: not stated. */
  readonly data?: TopicData | undefined;
}

/** The context type whose schema the data of events has. */
export interface TopicData {
  /** The name of the type, such as `PageUpdated`. */
  readonly type: string;
  /** Its version, semver. */
  readonly version: string;
  /** The JSON Schema. Given for a type of your own, it is published before the provider is registered. */
  readonly schema?: JsonSchema | undefined;
}

/** A topic as the manifest has it. */
export function topicOffer({ topic, title, description, data }: TopicSpec): TopicOffer {
  return create(TopicOfferSchema, {
    topic,
    title: title ?? '',
    description: description ?? '',
    type: data?.type ?? '',
    version: data?.version ?? '',
  });
}
