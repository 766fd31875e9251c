import { setTimeout as pause } from 'node:timers/promises';
import { Code } from '@connectrpc/connect';
import {
  defineOperation,
  type InputKind,
  inputRequired,
  ProviderError,
  toolContent,
} from '@weir/sdk/provider';
import { audio, image, text } from './fixture-content.ts';

/** How long tools that tell of themselves take for a step. */
const STEP_MS = 50;

const result = (...content: ReturnType<typeof text>[]) => toolContent({ content });

/** A tool that returns what it is given. */
const plain = (name: string, description: string, ...content: ReturnType<typeof text>[]) =>
  defineOperation({ name, description, call: () => result(...content) });

const object = (properties: Record<string, object>, required: string[] = []) => ({
  ...{ type: 'object', properties: properties as never, required },
});

/** What a tool has to be able to ask; one that cannot says so by asking all the same. */
const elicitation = (
  message: string,
  properties: Record<string, object>,
  required: string[] = [],
) => ({
  ...{ message, requestedSchema: object(properties, required) },
});

const sampling = (prompt: string) => ({
  messages: [{ role: 'user', content: text(prompt) }],
  maxTokens: 100,
});

/** A tool that asks one thing, and tells the answer. */
const asking = (
  name: string,
  kind: InputKind,
  params: (args: Record<string, string>) => Record<string, unknown>,
  tell: (answer: unknown) => string,
) =>
  defineOperation<Record<string, string>>({
    ...{ name, description: `Asks (${kind}), and tells the answer.` },
    input: object({ message: { type: 'string' }, prompt: { type: 'string' } }),
    call({ arguments: args, answers }) {
      if (answers.asked) return result(text(tell(answers.asked)));
      return inputRequired([{ id: 'asked', kind, params: params(args) as never }], 'asked');
    },
  });

const told = (answer: unknown) => `Elicitation completed: ${JSON.stringify(answer)}`;

/** The tools that the conformance suite asks for, by the names that it gives them. */
export const simpleTools = [
  plain('test_simple_text', 'Returns text.', text('This is a simple text response for testing.')),
  plain('test_image_content', 'Returns an image.', image),
  plain('test_audio_content', 'Returns a sound.', audio),
  plain('test_embedded_resource', 'Returns a resource.', {
    type: 'resource',
    resource: {
      ...{ uri: 'test://embedded-resource', mimeType: 'text/plain' },
      text: 'This is an embedded resource content.',
    },
  }),
  plain(
    'test_multiple_content_types',
    'Returns several.',
    text('Multiple content types test:'),
    image,
    {
      type: 'resource',
      resource: {
        ...{ uri: 'test://mixed-content-resource', mimeType: 'application/json' },
        text: '{"test":"data","value":123}',
      },
    },
  ),
  defineOperation({
    name: 'test_error_handling',
    description: 'Fails.',
    call() {
      const message = 'This tool intentionally returns an error for testing';
      throw new ProviderError(Code.FailedPrecondition, message);
    },
  }),
  defineOperation({
    name: 'test_tool_with_logging',
    description: 'Says what it does.',
    async call({ log }) {
      log('info', 'Tool execution started');
      await pause(STEP_MS);
      log('info', 'Tool processing data');
      await pause(STEP_MS);
      log('info', 'Tool execution completed');
      return result(text('It said what it did.'));
    },
  }),
  defineOperation({
    name: 'test_logging_tool',
    description: 'Says something, to whom wants to hear it.',
    call({ log }) {
      log('emergency', 'something');
      return result(text('It said something.'));
    },
  }),
  defineOperation({
    name: 'test_tool_with_progress',
    description: 'Tells how far it is.',
    async call({ progress }) {
      progress(0, { total: 100 });
      await pause(STEP_MS);
      progress(50, { total: 100 });
      await pause(STEP_MS);
      progress(100, { total: 100 });
      return result(text('It is done.'));
    },
  }),
  defineOperation({
    name: 'json_schema_2020_12_tool',
    description: 'Tool with JSON Schema 2020-12 features',
    input: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      $defs: {
        address: {
          $anchor: 'addressDef',
          type: 'object',
          properties: { street: { type: 'string' }, city: { type: 'string' } },
        },
      },
      properties: {
        name: { type: 'string' },
        address: { $ref: '#/$defs/address' },
        contactMethod: { type: 'string', enum: ['phone', 'email'] },
        phone: { type: 'string' },
        email: { type: 'string' },
      },
      allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
      if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
      // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema
      then: { required: ['phone'] },
      else: { required: ['email'] },
      additionalProperties: false,
    },
    call: () => result(text('It has a schema.')),
  }),
];

/** Those that ask their caller. */
export const askingTools = [
  asking(
    'test_sampling',
    'sampling',
    ({ prompt = '' }) => sampling(prompt),
    (answer) => `LLM response: ${JSON.stringify(answer)}`,
  ),
  asking(
    'test_elicitation',
    'form',
    ({ message = '' }) =>
      elicitation(
        message,
        {
          username: { type: 'string', description: "User's response" },
          email: { type: 'string', description: "User's email address" },
        },
        ['username', 'email'],
      ),
    (answer) => `User response: ${JSON.stringify(answer)}`,
  ),
  asking(
    'test_streaming_elicitation',
    'form',
    () => elicitation('Which?', { one: { type: 'string' } }),
    told,
  ),
  asking('test_missing_capability', 'sampling', () => sampling('Is it there?'), told),
  asking(
    'test_elicitation_sep1034_defaults',
    'form',
    () =>
      elicitation('Please review', {
        name: { type: 'string', default: 'John Doe' },
        age: { type: 'integer', default: 30 },
        score: { type: 'number', default: 95.5 },
        status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
        verified: { type: 'boolean', default: true },
      }),
    told,
  ),
  asking(
    'test_elicitation_sep1330_enums',
    'form',
    () =>
      elicitation('Please choose', {
        untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
        titledSingle: { type: 'string', oneOf: titled(['value1', 'value2', 'value3']) },
        legacyEnum: {
          ...{ type: 'string', enum: ['opt1', 'opt2', 'opt3'] },
          enumNames: ['Option One', 'Option Two', 'Option Three'],
        },
        untitledMulti: {
          type: 'array',
          items: { type: 'string', enum: ['option1', 'option2', 'option3'] },
        },
        titledMulti: { type: 'array', items: { anyOf: titled(['value1', 'value2', 'value3']) } },
      }),
    told,
  ),
];

function titled(values: readonly string[]) {
  return values.map((value) => ({ const: value, title: `Choice ${value}` }));
}

const askName = {
  ...{ id: 'user_name', kind: 'form' as const },
  params: elicitation('What is your name?', { name: { type: 'string' } }, ['name']) as never,
};
const askRoots = { id: 'client_roots', kind: 'roots' as const, params: {} };
const askModel = (id: string, prompt: string) => ({
  ...{ id, kind: 'sampling' as const, params: sampling(prompt) as never },
});
const confirm = {
  ...{ id: 'confirm', kind: 'form' as const },
  params: elicitation('Please confirm', { ok: { type: 'boolean' } }, ['ok']) as never,
};

/** A tool that asks for as long as answers are missing, and then is done. */
const until = (name: string, requests: Parameters<typeof inputRequired>[0], state = '') =>
  defineOperation({
    name,
    description: `Asks for ${requests.map(({ id }) => id).join(', ')}.`,
    call({ answers, state: back }) {
      const isAnswered = requests.every(({ id }) => answers[id]);
      if (!isAnswered) return inputRequired(requests, state);
      const isSame = state === '' || back === state;
      return result(text(`${isSame ? 'state-ok' : 'no state'} ${JSON.stringify(answers)}`));
    },
  });

/** Those whose questions are results, as revision 2026-07-28 has it. */
export const inputRequiredTools = [
  until('test_input_required_result_elicitation', [askName]),
  until('test_input_required_result_sampling', [
    askModel('capital_question', 'What is the capital of France?'),
  ]),
  until('test_input_required_result_list_roots', [askRoots]),
  until('test_input_required_result_request_state', [confirm], 'state of the tool'),
  until('test_input_required_result_tampered_state', [confirm], 'state of the tool'),
  until(
    'test_input_required_result_multiple_inputs',
    [askName, askModel('greeting', 'Generate a greeting'), askRoots],
    'state of the tool',
  ),
  defineOperation({
    name: 'test_input_required_result_multi_round',
    description: 'Asks twice.',
    call({ answers, state }) {
      if (state === 'round 2' && answers.step2) return result(text('It knows all.'));
      if (state === 'round 1' && answers.step1) {
        const params = elicitation('Step 2: What is your favorite color?', {
          color: { type: 'string' },
        });
        return inputRequired([{ id: 'step2', kind: 'form', params: params as never }], 'round 2');
      }
      const params = elicitation('Step 1: What is your name?', { name: { type: 'string' } });
      return inputRequired([{ id: 'step1', kind: 'form', params: params as never }], 'round 1');
    },
  }),
  defineOperation({
    name: 'test_input_required_result_capabilities',
    description: 'Asks what its caller can be asked.',
    call({ canAsk }) {
      const requests = [askName, askModel('question', 'What?'), askRoots];
      return inputRequired(
        requests.filter(({ kind }) => canAsk.includes(kind)),
        'asked',
      );
    },
  }),
];
