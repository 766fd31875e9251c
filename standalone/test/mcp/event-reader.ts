import type { JsonObject } from '@bufbuild/protobuf';

/** Events of an answer, as they come. */
export interface EventReader extends AsyncDisposable {
  readonly status: number;
  /** The id of the last event. */
  readonly last: string;
  /** What came so far, in its order. */
  readonly messages: readonly JsonObject[];
  /** Reads until something holds of what came. Throws when the answer ends before. */
  until(holds: (messages: readonly JsonObject[]) => boolean): Promise<void>;
  /** Reads to the end. */
  rest(): Promise<readonly JsonObject[]>;
  /** Leaves. */
  cut(): void;
}

/** Makes a request whose answer is of events, and reads it. */
export async function readEvents(url: string, init: RequestInit = {}): Promise<EventReader> {
  const leaving = new AbortController();
  const response = await fetch(url, { ...init, signal: leaving.signal });
  const chunks = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const messages: JsonObject[] = [];
  let text = '';
  let last = '';
  const take = (event: string) => {
    const id = /^id: (.*)$/m.exec(event)?.[1];
    const data = /^data: (.+)$/m.exec(event)?.[1];
    if (id !== undefined) last = id;
    if (data?.startsWith('{')) messages.push(JSON.parse(data) as JsonObject);
  };
  const more = async () => {
    const { done, value = '' } = (await chunks?.read()) ?? { done: true };
    const events = `${text}${value}`.split('\n\n');
    text = events.pop() ?? '';
    events.forEach(take);
    return !done;
  };
  const cut = () => leaving.abort();
  return {
    status: response.status,
    messages,
    cut,
    get last() {
      return last;
    },
    async until(holds) {
      while (!holds(messages)) {
        if (!(await more())) throw new Error(`it ended after ${JSON.stringify(messages)}${text}`);
      }
    },
    async rest() {
      while (await more());
      return messages;
    },
    async [Symbol.asyncDispose]() {
      cut();
    },
  };
}
