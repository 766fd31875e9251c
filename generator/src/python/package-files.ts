/** What the metadata of a project in Python are made of. */
export interface PackageOptions {
  /** The name of the provider. */
  readonly provider: string;
  readonly version: string;
  readonly title: string;
  /** The name of its package. */
  readonly package: string;
  /** Libraries that it needs besides the SDK, such as `aiohttp>=3.8`. */
  readonly libraries: readonly string[];
  /** Where the SDK is, such as `weir>=0.1,<0.2` or `weir @ file:///sdk`. */
  readonly sdk: string;
}

/** What pip takes for the SDK unless something else is said. */
export const defaultPythonSdk = 'weir>=0.1,<0.2';

/** The files that say what a project is. */
export function packageFiles(options: PackageOptions): readonly (readonly [string, string])[] {
  return [
    ['pyproject.toml', projectText(options)],
    ['.gitignore', '__pycache__/\n.mypy_cache/\n.venv/\nbuild/\n*.egg-info/\n'],
  ];
}

function projectText(options: PackageOptions): string {
  const { provider, version, title, libraries, sdk } = options;
  const dependencies = [sdk, ...libraries].map((each) => `  ${text(each)},\n`).join('');
  return `[build-system]
requires = ["setuptools>=66"]
build-backend = "setuptools.build_meta"

[project]
name = ${text(`weir-provider-${provider}`)}
version = ${text(version)}
description = ${text(`A provider of context for Weir: ${title}`)}
readme = "README.md"
requires-python = ">=3.11"
dependencies = [
${dependencies}]

[tool.setuptools.packages.find]
include = [${text(`${options.package}*`)}]

[tool.setuptools.package-data]
"*" = ["*.json"]

[tool.black]
line-length = 100

[tool.mypy]
strict = true

[[tool.mypy.overrides]]
module = ["grpc.*", "google.protobuf.*", "psycopg_pool.*"]
ignore_missing_imports = true
`;
}

/** A text in TOML: what JSON writes is one too, but for DEL. */
function text(value: string): string {
  return JSON.stringify(value.replace(/\s+/g, ' ')).replaceAll('\u007f', '\\u007f');
}
