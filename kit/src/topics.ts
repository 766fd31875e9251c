import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { refuse } from './errors.ts';

/** The most names of a topic. */
const TOPIC_NAMES_MAX = 8;

const name = '[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?';
const topicForm = new RegExp(`^${name}(?:\\.${name}){0,${TOPIC_NAMES_MAX - 1}}$`);

/** Throws INVALID_NAME unless a text is a topic of events; `field` is where it stands. */
export function parseTopic(field: string, topic: string): string {
  if (topicForm.test(topic)) return topic;
  const text = `is no topic; write 1 to ${TOPIC_NAMES_MAX} names like "page.updated"`;
  throw refuse(Reason.INVALID_NAME, `${field} ${text}`, {
    violations: [{ field, description: text }],
  });
}
