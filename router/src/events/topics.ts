import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

/** The most names of a topic. */
export const TOPIC_NAMES_MAX = 8;
/** The most topics of a subscription. */
export const TOPICS_MAX = 16;

const name = '[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?';
const topicForm = new RegExp(`^${name}(?:\\.${name}){0,${TOPIC_NAMES_MAX - 1}}$`);

/** Throws INVALID_NAME unless a text is a topic; `field` is where it stands. */
export function parseTopic(field: string, topic: string): string {
  if (topicForm.test(topic)) return topic;
  throw invalid(field, `is no topic; write 1 to ${TOPIC_NAMES_MAX} names like "page.updated"`);
}

/** Which topics a subscription is for. */
export type TopicFilter = (topic: string) => boolean;

/** Reads patterns such as "page.updated", "page.*" and "*". Throws INVALID_NAME. */
export function parseTopics(patterns: readonly string[]): TopicFilter {
  if (patterns.length === 0 || patterns.length > TOPICS_MAX) {
    throw invalid(
      'topics',
      `has ${patterns.length} entries; give 1 to ${TOPICS_MAX}, or "*" for all`,
    );
  }
  const filters = patterns.map((pattern, index) => filterOf(`topics[${index}]`, pattern));
  return (topic) => filters.some((filter) => filter(topic));
}

function filterOf(field: string, pattern: string): TopicFilter {
  if (pattern === '*') return () => true;
  if (pattern.endsWith('.*')) {
    const prefix = `${parseTopic(field, pattern.slice(0, -2))}.`;
    return (topic) => topic.startsWith(prefix);
  }
  const exact = parseTopic(field, pattern);
  return (topic) => topic === exact;
}

function invalid(field: string, text: string) {
  return refuse(Reason.INVALID_NAME, `${field} ${text}`, {
    violations: [{ field, description: text }],
  });
}
