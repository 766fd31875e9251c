import type { Sensitivity } from '@weir/sdk/provider';
import {
  type GoField,
  goComment,
  goList,
  goStruct,
  goText,
  goTexts,
  indented,
} from '../../go/literal.ts';
import { importText, modulePath, sdkModule } from '../../go/module.ts';
import { goFile } from '../../go/names.ts';
import { createTypes } from '../../go/types.ts';
import type { ApiModel, ContextModel, OperationModel } from '../model/model.ts';
import { defaultTtlMs } from '../provider.ts';
import type { CredentialSpec } from '../runtime/credentials.ts';
import type { ListSpec, Pagination } from '../runtime/list.ts';
import type { ParameterSpec, RequestSpec } from '../runtime/request.ts';

const embed = '//go:embed';

/** A flag that is only written when it is set. */
function flag(isSet: boolean | undefined): string | undefined {
  return isSet ? 'true' : undefined;
}

function text(value: string | undefined): string | undefined {
  return value ? goText(value) : undefined;
}

/** A JSON value as Go reads JSON. */
function goValue(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return goText(value);
  if (Array.isArray(value)) {
    return goList(
      '[]any',
      value.map((one) => goValue(one) ?? 'nil'),
    );
  }
  if (typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([name, one]): GoField => [goText(name), goValue(one) ?? 'nil'],
  );
  return goStruct('map[string]any', members);
}

const places = {
  path: 'openapi.InPath',
  query: 'openapi.InQuery',
  header: 'openapi.InHeader',
  cookie: 'openapi.InCookie',
} as const;

const styles: Readonly<Record<string, string>> = {
  simple: 'openapi.Simple',
  label: 'openapi.Label',
  matrix: 'openapi.Matrix',
  form: 'openapi.Form',
  spaceDelimited: 'openapi.SpaceDelimited',
  pipeDelimited: 'openapi.PipeDelimited',
  deepObject: 'openapi.DeepObject',
  json: 'openapi.AsJSON',
};

function parameterText({ name, in: where, argument, style, explode, ...rest }: ParameterSpec) {
  return goStruct('', [
    ['Name', goText(name)],
    ['In', places[where]],
    ['Argument', text(argument)],
    ['Style', style === undefined ? undefined : (styles[style] ?? goText(style))],
    [
      'Explode',
      explode === undefined ? undefined : explode ? 'openapi.Exploded' : 'openapi.Joined',
    ],
    ['Value', goValue(rest.value)],
    ['AllowReserved', flag(rest.allowReserved)],
  ]);
}

function requestText(request: RequestSpec): string {
  const { method, path, baseUrl, parameters, bodyType, accept, security } = request;
  const sets = security.map((names) => `{${names.map(goText).join(', ')}}`);
  return goStruct('openapi.Request', [
    ['Method', goText(method)],
    ['Path', goText(path)],
    ['BaseURL', text(baseUrl)],
    [
      'Parameters',
      parameters.length === 0
        ? undefined
        : goList('[]openapi.Parameter', parameters.map(parameterText)),
    ],
    ['BodyType', text(bodyType)],
    ['Accept', goText(accept)],
    ['Security', sets.length === 0 ? undefined : goList('[][]string', sets)],
  ]);
}

const paginations: Readonly<Record<Pagination['kind'], string>> = {
  none: 'openapi.AllAtOnce',
  page: 'openapi.ByPage',
  offset: 'openapi.ByOffset',
  cursor: 'openapi.ByCursor',
  lastKey: 'openapi.ByLastKey',
  nextUrl: 'openapi.ByNextURL',
  link: 'openapi.ByLink',
};

function paginationText(pagination: Pagination): string {
  return goStruct('openapi.Pagination', [
    ['Kind', paginations[pagination.kind]],
    ['Parameter', 'parameter' in pagination ? goText(pagination.parameter) : undefined],
    ['First', 'first' in pagination ? String(pagination.first) : undefined],
    ['Next', 'next' in pagination ? goText(pagination.next) : undefined],
  ]);
}

function listText(list: ListSpec): string {
  return goStruct('openapi.List', [
    ['Request', requestText(list.request)],
    ['Items', text(list.items)],
    ['KeyFields', goTexts(list.keyFields)],
    ['Parents', goTexts(list.parents)],
    ['Pagination', paginationText(list.pagination)],
    ['PageSizeParameter', text(list.pageSize?.parameter)],
    ['PageSizeMax', list.pageSize && String(list.pageSize.max)],
    ['SearchParameter', text(list.searchParameter)],
    ['TitleField', text(list.titleField)],
    ['SummaryField', text(list.summaryField)],
  ]);
}

const sensitivities: Readonly<Record<Sensitivity, string>> = {
  public: 'weir.Public',
  internal: 'weir.Internal',
  confidential: 'weir.Confidential',
  restricted: 'weir.Restricted',
};

function functionOf({ type }: ContextModel): string {
  return `${type.charAt(0).toLowerCase()}${type.slice(1)}Context`;
}

/** The package `contexts`: a file for each type, one that lists them, and one of the types of values. */
export function contextFiles(model: ApiModel): [string, string][] {
  const files = new Set(['contexts', 'types']);
  return [
    ['contexts/contexts.go', contextsText(model)],
    ['contexts/types.go', typesText(model)],
    ...model.contexts.map((context): [string, string] => {
      return [`contexts/${goFile(context.type, files)}.go`, contextText(model.name, context)];
    }),
  ];
}

function contextText(name: string, context: ContextModel): string {
  const { type, title, description, request, keyParameters, list, sensitivity, marked } = context;
  const why = marked.slice(0, 3).map(({ pointer, reason }) => `${pointer} (${reason})`);
  const more = marked.length > 3 ? `, and ${marked.length - 3} more` : '';
  const about = [
    `${functionOf(context)} offers ${type}: ${goComment(`${title}. ${description}`)}`,
    `Its key is ${keyParameters.map((each) => `<${goComment(each)}>`).join('/')}.`,
    ...(list ? [`Its pages: ${goComment(list.reason)}.`] : []),
    ...(sensitivity
      ? [`It is ${sensitivity}, since it holds ${goComment(why.join(', '))}${more}.`]
      : []),
  ];
  const fetch = goStruct('openapi.Fetch', [
    ['Request', requestText(request)],
    ['KeyParameters', goTexts(keyParameters)],
  ]);
  const offered = goStruct('provider.Context', [
    ['Type', goText(type)],
    ['Version', '"1.0.0"'],
    ['Title', text(title)],
    ['TTL', `${defaultTtlMs / 1_000} * time.Second`],
    ['Sensitivity', sensitivity && sensitivities[sensitivity]],
    ['Fetch', `openapi.FetchItem(api, ${fetch})`],
    ['List', list && `openapi.ListItems(api, ${listText(list.spec)})`],
  ]);
  const imports = [
    'time',
    `${modulePath(name)}/internal/openapi`,
    `${sdkModule}/provider`,
    ...(sensitivity ? [sdkModule] : []),
  ];
  return `package contexts

${importText(imports)}

${about.map((line) => `// ${line}`).join('\n')}
func ${functionOf(context)}(api *openapi.API) provider.Context {
	return ${indented(offered)}
}
`;
}

function contextsText({ name, contexts }: ApiModel): string {
  const all = goList(
    '[]provider.Context',
    contexts.map((context) => `${functionOf(context)}(api)`),
  );
  return `// Package contexts describes what is offered as context, and the types of its values.
package contexts

import (
	_ "embed" // The schemas are data.

	"${modulePath(name)}/internal/openapi"
	"${sdkModule}/provider"
)

${embed} schemas/contexts.json
var schemas []byte

${embed} schemas/definitions.json
var definitions []byte

// All returns what is offered. Take out what is not wanted. It fails when a schema cannot be read.
func All(api *openapi.API) ([]provider.Context, error) {
	offered := ${indented(all)}
	return openapi.Described(offered, schemas, definitions)
}
`;
}

function typesText({ contexts, definitions }: ApiModel): string {
  const types = createTypes({ reserved: ['All'], definitions });
  const named = contexts.map(({ type, schema }) => ({ name: types.reserve(type), type, schema }));
  for (const { name, type, schema } of named) {
    types.declare(name, { title: `a value of the context type ${type}.`, ...schema });
  }
  return `package contexts\n\n${types.take()}`.trimEnd().concat('\n');
}

/** `operations/operations.go`. */
export function operationsText({ name, operations }: ApiModel): string {
  const entries = operations.map((operation) => {
    const { request, reason } = operation;
    return `\t// ${goComment(`${request.method} ${request.path}: ${reason}`)}.\n\t${indented(operationText(operation))},\n`;
  });
  const list = entries.length === 0 ? '{}' : `{\n${entries.join('')}}`;
  return `// Package operations describes what can be done besides fetching. None of it is offered unless it is named.
package operations

import (
	_ "embed" // The schemas are data.

	"${modulePath(name)}/internal/openapi"
	"${sdkModule}/provider"
)

${embed} schemas/inputs.json
var inputs []byte

// Known are all operations, each with the reason why it is no context.
var Known = []openapi.Operation${list}

// Enabled returns the operations that names mean; "*" stands for any text. It fails for a name that means none.
func Enabled(api *openapi.API, names []string) ([]provider.Operation, error) {
	return openapi.Enabled(api, Known, names, inputs)
}
`;
}

function operationText(operation: OperationModel): string {
  const { name, title, description, readOnly, idempotent, destructive, request } = operation;
  const about = goStruct('provider.Operation', [
    ['Name', goText(name)],
    ['Title', text(title)],
    ['Description', text(description)],
    ['ReadOnly', flag(readOnly)],
    ['NonDestructive', flag(!destructive)],
    ['Idempotent', flag(idempotent)],
  ]);
  return goStruct('', [
    ['About', about],
    ['Request', requestText(request)],
  ]);
}

function credentialText(spec: CredentialSpec): string {
  const kinds = {
    apiKey: 'openapi.APIKey',
    basic: 'openapi.Basic',
    bearer: 'openapi.Bearer',
    clientCredentials: 'openapi.ClientCredentials',
  } as const;
  const isKey = spec.kind === 'apiKey';
  const isClient = spec.kind === 'clientCredentials';
  return goStruct('', [
    ['Kind', kinds[spec.kind]],
    ['Secret', goText(spec.secret)],
    ['In', isKey ? places[spec.in] : undefined],
    ['Name', isKey ? goText(spec.name) : undefined],
    ['TokenURL', isClient ? goText(spec.tokenUrl) : undefined],
    ['IsDiscovery', isClient ? flag(spec.isDiscovery) : undefined],
    ['Scopes', isClient ? goTexts(spec.scopes) : undefined],
  ]);
}

/** `api.go`. */
export function apiText(model: ApiModel, outboundAllow: readonly string[]): string {
  const { name, baseUrl, credentials } = model;
  const specs = Object.entries(credentials).map(([each, spec]): GoField => {
    return [goText(each), credentialText(spec)];
  });
  const allow = outboundAllow.length > 0 ? outboundAllow.join(',') : 'none';
  return `package main

import (
	"strings"
	"time"

	"${modulePath(name)}/internal/openapi"
)

// baseURL is where the API is.
const baseURL = ${goText(baseUrl)}

// credentials say how it is told who calls. Only references to secrets stand here, never a secret.
var credentials = ${goStruct('map[string]openapi.Credential', specs)}

// openAPI opens the API, with settings from the environment.
func openAPI(getenv func(string) string) (*openapi.API, error) {
	secrets, err := openapi.OpenSecrets(getenv)
	if err != nil {
		return nil, err
	}
	options := openapi.Options{
		BaseURL:       baseURL,
		Credentials:   credentials,
		Secrets:       secrets,
		OutboundAllow: namesIn(${goText(allow)}),
		Timeout:       10 * time.Second,
		MaxBytes:      16 << 20,
	}
	if moved := getenv("API_BASE_URL"); moved != "" {
		options.BaseURL, options.IsMoved = moved, true
	}
	if allow := getenv("WEIR_OUTBOUND_ALLOW"); allow != "" {
		options.OutboundAllow = namesIn(allow)
	}
	return openapi.Open(options)
}

// namesIn reads names with commas between them; "none" stands for none.
func namesIn(text string) []string {
	var names []string
	for _, name := range strings.Split(text, ",") {
		if name = strings.TrimSpace(name); name != "" && name != "none" {
			names = append(names, name)
		}
	}
	return names
}
`;
}

/** `provider.go`. */
export function providerText({ name, version, title, description }: ApiModel): string {
  const offered = goStruct('provider.Provider', [
    ['Name', goText(name)],
    ['Version', goText(version)],
    ['Title', text(title)],
    ['Description', text(description)],
    ['Category', '"api"'],
    // A request may take 10 s, and need a token before.
    ['Timeout', '15 * time.Second'],
    ['Contexts', 'offered'],
    ['Operations', 'enabled'],
  ]);
  return `package main

import (
	"time"

	"${modulePath(name)}/contexts"
	"${modulePath(name)}/internal/openapi"
	"${modulePath(name)}/operations"
	"${sdkModule}/provider"
)

// newProvider makes the provider. Of the operations it offers those that are named.
func newProvider(api *openapi.API, enabledOperations []string) (*provider.Provider, error) {
	offered, err := contexts.All(api)
	if err != nil {
		return nil, err
	}
	enabled, err := operations.Enabled(api, enabledOperations)
	if err != nil {
		return nil, err
	}
	return &${indented(offered)}, nil
}
`;
}

/** `main.go`. */
export function mainText({ name, title }: ApiModel, enable: readonly string[]): string {
  return `// Command ${name} serves context from ${goComment(title)}.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"${sdkModule}/provider"
)

// defaultOperations are offered when ENABLED_OPERATIONS is not set.
const defaultOperations = ${goText(enable.join(','))}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	enabled, isSet := os.LookupEnv("ENABLED_OPERATIONS")
	if !isSet {
		enabled = defaultOperations
	}
	api, err := openAPI(os.Getenv)
	if err != nil {
		return err
	}
	offered, err := newProvider(api, namesIn(enabled))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// WEIR_URL and WEIR_KEY say where Weir is, and who registers.
	return provider.Serve(ctx, offered, provider.ServeOptions{
		// A project that was generated again is the same version with another manifest.
		Replace: true,
		OnEvent: func(event provider.Event) {
			log.Printf("%s: %s", event.Kind, event.Text)
			if event.Err != nil {
				log.Print(event.Err)
			}
		},
	})
}
`;
}

/** `provider_test.go`. */
export function testText({ name }: ApiModel): string {
  return `package main

import (
	"context"
	_ "embed" // The examples are data.
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"${modulePath(name)}/internal/openapi"
	"${modulePath(name)}/operations"
	"${sdkModule}/weirtest"
)

// example is what the document shows of a type, or a sample of its schema.
type example struct {
	Type string          \`json:"type"\`
	Key  string          \`json:"key"\`
	Path string          \`json:"path"\`
	Body json.RawMessage \`json:"body"\`
}

${embed} testdata/examples.json
var examplesJSON []byte

func examplesOf(t *testing.T) []example {
	var examples []example
	if err := json.Unmarshal(examplesJSON, &examples); err != nil {
		t.Fatal(err)
	}
	return examples
}

// serve is the API: it knows the examples.
func serve(t *testing.T, examples []example) string {
	bodies := map[string]json.RawMessage{}
	for _, each := range examples {
		bodies[each.Path] = each.Body
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, isKnown := bodies[r.RequestURI]
		if !isKnown {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Etag", \`"1"\`)
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func openTestAPI(t *testing.T, examples []example) *openapi.API {
	plain := map[string]openapi.Credential{}
	for name := range credentials {
		plain[name] = openapi.Credential{Kind: openapi.Bearer, Secret: "secret://test"}
	}
	api, err := openapi.Open(openapi.Options{
		BaseURL:       serve(t, examples),
		IsMoved:       true,
		Credentials:   plain,
		Secrets:       func(string) string { return "not-a-secret" },
		OutboundAllow: []string{"loopback"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// A provider offers something: without contexts an operation.
func leastOperations(examples []example) []string {
	if len(examples) > 0 || len(operations.Known) == 0 {
		return nil
	}
	return []string{operations.Known[0].About.Name}
}

func TestExamplesAreFetchedByTheirKeys(t *testing.T) {
	examples := examplesOf(t)
	offered, err := newProvider(openTestAPI(t, examples), leastOperations(examples))
	if err != nil {
		t.Fatal(err)
	}
	opened := weirtest.Open(t, offered)
	ctx := context.Background()
	for _, each := range examples {
		each := each
		t.Run(each.Type, func(t *testing.T) {
			content, err := opened.Fetch(ctx, each.Type, each.Key, nil)
			if err != nil {
				t.Fatal(err)
			}
			var wanted, found any
			if json.Unmarshal(each.Body, &wanted) != nil || content.JSON(&found) != nil || !reflect.DeepEqual(wanted, found) {
				t.Errorf("%s/%s is %s", each.Type, each.Key, content.Bytes)
			}
			if content.Etag != \`"1"\` {
				t.Errorf("its etag is %s", content.Etag)
			}
			absent := each.Key[:strings.LastIndex(each.Key, "/")+1] + "not-there"
			outcome, err := opened.Query(ctx, each.Type, absent, nil)
			if err != nil || !outcome.NotFound {
				t.Errorf("a key that is not there: %+v, %v", outcome, err)
			}
		})
	}
}

func TestOperationsAreOffUntilTheyAreEnabled(t *testing.T) {
	examples := examplesOf(t)
	api := openTestAPI(t, examples)
	least := leastOperations(examples)
	offered, err := newProvider(api, least)
	if err != nil || len(offered.Operations) != len(least) {
		t.Fatalf("%d operations are offered, %v", len(offered.Operations), err)
	}
	if _, err := newProvider(api, []string{"no such operation"}); err == nil {
		t.Error("an operation is enabled that is not there")
	}
	var names []string
	for _, known := range operations.Known {
		names = append(names, known.About.Name)
	}
	enabled, err := operations.Enabled(api, names)
	if err != nil || len(enabled) != len(names) {
		t.Fatalf("%d operations are enabled of %d, %v", len(enabled), len(names), err)
	}
	for at := range enabled {
		if enabled[at].Name != names[at] {
			t.Errorf("%s is enabled for %s", enabled[at].Name, names[at])
		}
	}
	offered.Operations = enabled
	if err := offered.Validate(); err != nil {
		t.Error(err)
	}
}
`;
}
