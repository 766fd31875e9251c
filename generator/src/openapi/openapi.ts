import type { ProviderDefinition } from '@weir/sdk/provider';
import { type ProjectReport, type WriteOptions, writeProject } from '../project/write-project.ts';
import { goFiles } from './go/go-files.ts';
import { buildModel } from './model/build-model.ts';
import type { ApiModel } from './model/model.ts';
import { enabledOf, providerOf } from './provider.ts';
import { pythonFiles } from './python/python-files.ts';
import { readDocument } from './read/read-document.ts';
import { openSecrets } from './runtime/secrets.ts';
import { typescriptFiles } from './typescript/typescript-files.ts';

/** What a provider is made of. */
export interface OpenApiOptions {
  /** The document: a URL or the path of a file. */
  readonly location: string;
  /** The name of the provider. Default: from the document's title. */
  readonly name?: string | undefined;
  /** What the names of its context types begin with, such as `Crm`. Default: nothing. */
  readonly typePrefix?: string | undefined;
  /** Only operations whose id or path fits; `*` stands for any text. Default: all. */
  readonly include?: readonly string[] | undefined;
  /** The API's address, or the number of a server in the document. Default: the first. */
  readonly server?: string | undefined;
  /** Values of the variables of servers. */
  readonly serverVariables?: Readonly<Record<string, string>> | undefined;
  /** References to secrets such as `secret://crm-token`, by security scheme. */
  readonly secrets?: Readonly<Record<string, string>> | undefined;
  /** Operations to offer; `*` stands for any text. Default: none. */
  readonly enable?: readonly string[] | undefined;
  /** Whether references to other files are followed. Default: no. */
  readonly allowExternal?: boolean | undefined;
  /** What may be called besides public addresses; see WEIR_OUTBOUND_ALLOW. Default: nothing. */
  readonly outboundAllow?: readonly string[] | undefined;
  readonly signal: AbortSignal;
}

/** Where and how a project is written. */
export interface OpenApiProjectOptions extends OpenApiOptions, WriteOptions {
  /** The folder. */
  readonly out: string;
  /** The language of the project. Default: `ts`. */
  readonly lang?: Language | undefined;
  /**
   * What the project's metadata say of the SDK: in package.json a version, or such as `file:../sdk`;
   * in pyproject.toml `weir>=0.1,<0.2`, or such as `weir @ file:///sdk`; in go.mod a version, or a folder.
   */
  readonly sdk: string;
}

/** Writes the files of a project; each language has one. */
const writers = { ts: typescriptFiles, python: pythonFiles, go: goFiles };

/** A language that projects are written in. */
export type Language = keyof typeof writers;

/** Reads a document and makes it a model. Throws DocumentError. */
export async function readOpenApi(options: OpenApiOptions): Promise<ApiModel> {
  const { location, signal, allowExternal = false, outboundAllow = [] } = options;
  const document = await readDocument({ location, signal, allowExternal, outboundAllow });
  const { name, typePrefix, include = [], server, serverVariables = {}, secrets = {} } = options;
  const given = {
    location,
    name,
    typePrefix,
    include,
    server,
    variables: serverVariables,
    secrets,
  };
  const model = buildModel(document, given);
  enabledOf(model.operations, options.enable ?? []);
  return model;
}

/**
 * Writes a provider project for a document. Nothing is written when anything of the document is
 * faulty.
 *
 * @throws {DocumentError} for a faulty document, with the place of each fault.
 * @throws {ProjectError} when the folder cannot be written to.
 */
export async function generateOpenApi(
  options: OpenApiProjectOptions,
): Promise<{ readonly model: ApiModel; readonly report: ProjectReport }> {
  const model = await readOpenApi(options);
  const { sdk, lang = 'ts', enable = [], outboundAllow = [] } = options;
  const files = await writers[lang](model, { sdk, enable, outboundAllow });
  const report = await writeProject(options.out, files, { onConflict: options.onConflict });
  return { model, report };
}

/** The provider for a document, with no code generated. Throws DocumentError. */
export async function openApiProvider(
  options: OpenApiOptions & { readonly env: Readonly<Record<string, string | undefined>> },
): Promise<{ readonly model: ApiModel; readonly provider: ProviderDefinition }> {
  const model = await readOpenApi(options);
  const { enable = [], outboundAllow = [] } = options;
  const secrets = openSecrets(options.env);
  return { model, provider: providerOf(model, { enable, outboundAllow, secrets }) };
}
