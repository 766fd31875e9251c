import { parseTopic, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

/** The most topics of a subscription. */
export const TOPICS_MAX = 16;

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
