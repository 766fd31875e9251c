import {
  type ContextDefinition,
  defineContext,
  defineOperation,
  defineProvider,
  inputRequired,
  type OperationDefinition,
  serveProvider,
} from '@weir/sdk/provider';
import type { TestWeir } from '../weir.ts';
import { image, png, text } from './fixture-content.ts';
import { askingTools, inputRequiredTools, simpleTools } from './fixture-tools.ts';

/** The name of the provider that the conformance suite meets behind Weir. */
export const fixtureName = 'fixture';

const user = (content: unknown) => ({ role: 'user', content });
const textArgument = (description: string) => ({ type: 'string', description });

const prompts = [
  defineOperation({
    ...{ name: 'test_simple_prompt', kind: 'prompt', description: 'A simple prompt.' },
    call: () => ({ messages: [user(text('This is a simple prompt for testing.'))] }),
  }),
  defineOperation<{ arg1: string; arg2: string }>({
    ...{ name: 'test_prompt_with_arguments', kind: 'prompt', description: 'A prompt of two.' },
    input: {
      type: 'object',
      properties: { arg1: textArgument('First test argument'), arg2: textArgument('Second') },
      required: ['arg1', 'arg2'],
    },
    suggest: ({ value }) => ['testing', 'paris', 'party'].filter((one) => one.startsWith(value)),
    call: ({ arguments: { arg1, arg2 } }) => ({
      messages: [user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))],
    }),
  }),
  defineOperation<{ resourceUri: string }>({
    name: 'test_prompt_with_embedded_resource',
    ...{ kind: 'prompt', description: 'A prompt with a resource.' },
    input: {
      type: 'object',
      properties: { resourceUri: textArgument('URI of the resource to embed') },
      required: ['resourceUri'],
    },
    call: ({ arguments: { resourceUri: uri } }) => ({
      messages: [
        user({
          type: 'resource',
          resource: { uri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' },
        }),
        user(text('Please process the embedded resource above.')),
      ],
    }),
  }),
  defineOperation({
    ...{ name: 'test_prompt_with_image', kind: 'prompt', description: 'A prompt with an image.' },
    call: () => ({ messages: [user(image), user(text('Please analyze the image above.'))] }),
  }),
  defineOperation({
    ...{ name: 'test_input_required_result_prompt', kind: 'prompt', description: 'Asks first.' },
    call({ answers }) {
      if (answers.user_context) {
        return { messages: [user(text(`With ${JSON.stringify(answers.user_context)}`))] };
      }
      const schema = { type: 'object', properties: { context: { type: 'string' } } };
      const params = { message: 'What context should the prompt use?', requestedSchema: schema };
      return inputRequired([{ id: 'user_context', kind: 'form', params }]);
    },
  }),
];

const fixed: Readonly<Record<string, { value: string | Uint8Array; contentType: string }>> = {
  'test://static-text': {
    ...{ value: 'This is the content of the static text resource.', contentType: 'text/plain' },
  },
  'test://static-binary': { value: Buffer.from(png, 'base64'), contentType: 'image/png' },
  'test://watched-resource': { value: 'Watched.', contentType: 'text/plain' },
};

/** What has URIs of its own. */
export const fixtureResources: ContextDefinition = defineContext({
  ...{ type: 'Resource', version: '1.0.0', keyPrefix: 'test://' },
  keyTemplates: [
    { template: 'test://template/{id}/data', name: 'template', contentType: 'application/json' },
  ],
  fetch: ({ key }) => {
    const id = /^test:\/\/template\/([^/]+)\/data$/.exec(key)?.[1];
    if (id === undefined) return fixed[key];
    return { value: { id, templateTest: true, data: `Data for ID: ${id}` } };
  },
  list: () => ({
    entries: Object.entries(fixed).map(([key, { contentType }]) => ({
      ...{
        key,
        title: key.replace('test://', ''),
        summary: 'A resource to test with.',
        contentType,
      },
    })),
  }),
});

/** All that the conformance suite calls. */
export const fixtureOperations: readonly OperationDefinition[] = [
  ...[...simpleTools, ...askingTools, ...inputRequiredTools],
  ...prompts,
];

/** Serves the provider that the conformance suite meets; `more` is what a test adds to it. */
export async function serveFixture(
  { weir }: { readonly weir: Pick<TestWeir['weir'], 'url' | 'key'> },
  more: readonly OperationDefinition[] = [],
): Promise<AsyncDisposable> {
  const provider = defineProvider({
    ...{ name: fixtureName, version: '1.0.0', contexts: [fixtureResources] },
    operations: [...fixtureOperations, ...more],
  });
  return serveProvider(provider, weir);
}
