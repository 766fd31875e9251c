import { encodePart } from './keys.ts';

/** Values by the name of the argument. */
export type Arguments = Readonly<Record<string, unknown>>;

/** Where a parameter goes, and how it is written there. */
export interface ParameterSpec {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header' | 'cookie';
  /** The argument that holds its value. Default: its name. */
  readonly argument?: string | undefined;
  /**
   * How lists and objects are written, as OpenAPI has it: `simple`, `label`, `matrix`, `form`,
   * `spaceDelimited`, `pipeDelimited`, `deepObject`; or `json`. Default: `form` in query and cookie,
   * else `simple`.
   */
  readonly style?: string | undefined;
  /** Whether each element stands alone. Default: as OpenAPI has it, with `form` yes, else no. */
  readonly explode?: boolean | undefined;
  /** The value where the argument is absent. */
  readonly value?: unknown;
  /** Whether `/?:@` and the like stay as they are, in a query only. */
  readonly allowReserved?: boolean | undefined;
}

/** A request of an API, without its values. */
export interface RequestSpec {
  readonly method: string;
  /** From the base of the API, with parameters in braces, such as `/things/{id}`. */
  readonly path: string;
  /** Where it is, if not at the base of the API. */
  readonly baseUrl?: string | undefined;
  readonly parameters: readonly ParameterSpec[];
  /** The media type of the body, which the argument `body` holds. Left out: it has none. */
  readonly bodyType?: string | undefined;
  /** The media types that are understood. */
  readonly accept: string;
  /** Credentials by name: one of these sets is sent. Empty: none is needed. */
  readonly security: readonly (readonly string[])[];
}

/** What of a request depends on its arguments. */
export interface BuiltRequest {
  /** Path and query, from the base of the API. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
}

/**
 * A part of dots, between slashes of either kind. URLs take it for a way up, and servers that decode
 * before they normalise do, however dots and slashes are written.
 */
const wayUp = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:$|[/\\]|%2f|%5c)/i;

/**
 * Puts arguments into a request.
 *
 * @throws {TypeError} when a part of the path is missing, or a value cannot be written there.
 */
export function buildRequest(spec: RequestSpec, values: Arguments): BuiltRequest {
  const given = spec.parameters.flatMap((parameter) => {
    const value = values[parameter.argument ?? parameter.name] ?? parameter.value;
    return value === undefined || value === null ? [] : [{ parameter, value }];
  });
  const inside = (where: ParameterSpec['in']) =>
    given.filter(({ parameter }) => parameter.in === where);
  let path = spec.path;
  for (const { parameter, value } of inside('path')) {
    path = path.replaceAll(`{${parameter.name}}`, () => pathText(parameter, value));
  }
  const [missing] = /\{[^}]*\}/.exec(path) ?? [];
  if (missing) throw new TypeError(`the argument for ${missing} is missing`);
  if (wayUp.test(path)) {
    throw new TypeError('a part of the path cannot be "." or "..", however it is written');
  }
  const query = inside('query').flatMap(({ parameter, value }) => pairsOf(parameter, value));
  const cookies = inside('cookie').flatMap(({ parameter, value }) => pairsOf(parameter, value));
  const headers = inside('header').map(({ parameter, value }) => {
    return [parameter.name.toLowerCase(), headerText(delimited(parameter, value, String))];
  });
  const { body, type } = bodyOf(spec.bodyType, values.body);
  return {
    target: query.length > 0 ? `${path}?${query.join('&')}` : path,
    headers: {
      accept: spec.accept,
      ...(type !== undefined && { 'content-type': type }),
      ...(cookies.length > 0 && { cookie: cookies.join('; ') }),
      ...Object.fromEntries(headers),
    },
    body,
  };
}

function pathText(parameter: ParameterSpec, value: unknown): string {
  const { style = 'simple', explode = false, name } = parameter;
  if (style === 'label') return `.${delimited(parameter, value, encodePart, explode ? '.' : ',')}`;
  if (style !== 'matrix') {
    const text = delimited(parameter, value, encodePart);
    if (text === '') throw new TypeError(`the argument for {${name}} is empty`);
    return text;
  }
  if (!explode || typeof value !== 'object') {
    return `;${name}=${delimited({ ...parameter, explode: false }, value, encodePart)}`;
  }
  const pairs = Array.isArray(value)
    ? value.map((each) => [name, each])
    : Object.entries(value as object);
  return pairs
    .map(([key, each]) => `;${encodePart(String(key))}=${encodePart(String(each))}`)
    .join('');
}

/** Lists as `a,b`, objects as `k,v` or, exploded, `k=v`. */
function delimited(
  { style, explode = false }: ParameterSpec,
  value: unknown,
  encode: (text: string) => string,
  delimiter = ',',
): string {
  if (style === 'json') return encode(JSON.stringify(value));
  if (Array.isArray(value)) return value.map((each) => encode(plain(each))).join(delimiter);
  if (typeof value !== 'object' || value === null) return encode(plain(value));
  return Object.entries(value)
    .map(([key, each]) => `${encode(key)}${explode ? '=' : ','}${encode(plain(each))}`)
    .join(delimiter);
}

function plain(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

const delimiters: Readonly<Record<string, string>> = {
  form: ',',
  spaceDelimited: '%20',
  pipeDelimited: '%7C',
};

/** Pairs of a query or of cookies. */
function pairsOf(parameter: ParameterSpec, value: unknown): string[] {
  const { name, style = 'form', explode = style === 'form', allowReserved = false } = parameter;
  const encode = allowReserved && parameter.in === 'query' ? encodeReserved : encodeURIComponent;
  const pair = (key: string, each: unknown) => `${encodeURIComponent(key)}=${encode(plain(each))}`;
  if (style === 'json') return [pair(name, JSON.stringify(value))];
  if (typeof value !== 'object' || value === null) return [pair(name, value)];
  if (style === 'deepObject') return deepPairs(name, value).map(([key, each]) => pair(key, each));
  const delimiter = delimiters[style] ?? ',';
  if (Array.isArray(value)) {
    if (explode) return value.map((each) => pair(name, each));
    return [
      `${encodeURIComponent(name)}=${value.map((each) => encode(plain(each))).join(delimiter)}`,
    ];
  }
  const entries = Object.entries(value);
  if (explode) return entries.map(([key, each]) => pair(key, each));
  const flat = entries.flat().map((each) => encode(plain(each)));
  return [`${encodeURIComponent(name)}=${flat.join(delimiter)}`];
}

function deepPairs(name: string, value: object): [string, unknown][] {
  return Object.entries(value).flatMap(([key, each]): [string, unknown][] => {
    const inner = `${name}[${key}]`;
    return typeof each === 'object' && each !== null ? deepPairs(inner, each) : [[inner, each]];
  });
}

function encodeReserved(text: string): string {
  return encodeURI(text).replace(/[&#+]/g, encodeURIComponent);
}

function headerText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these end a header, or are none of it
  if (!/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text)) return text;
  throw new TypeError('a header cannot hold control characters');
}

function bodyOf(bodyType: string | undefined, value: unknown) {
  if (bodyType === undefined || value === undefined) return { body: undefined, type: undefined };
  if (/^multipart\//.test(bodyType)) return multipart(value);
  if (bodyType === 'application/x-www-form-urlencoded') {
    const fields = Object.entries(Object(value)).map(([name, each]) => ({ name, value: each }));
    const text = fields.flatMap((field) => pairsOf({ name: field.name, in: 'query' }, field.value));
    return { body: text.join('&'), type: bodyType };
  }
  const isText = typeof value === 'string' && !/[/+]json\b/.test(bodyType);
  return { body: isText ? value : JSON.stringify(value), type: bodyType };
}

/** Fields as texts, and objects as JSON. The boundary is long enough to stand in no value by chance. */
function multipart(value: unknown) {
  const boundary = `weir-${crypto.randomUUID()}`;
  const parts = Object.entries(Object(value)).map(([name, each]) => {
    const json = typeof each === 'object' ? 'content-type: application/json\r\n' : '';
    const disposition = `content-disposition: form-data; name="${encodeURIComponent(name)}"`;
    return `--${boundary}\r\n${disposition}\r\n${json}\r\n${plain(each)}\r\n`;
  });
  return {
    body: `${parts.join('')}--${boundary}--\r\n`,
    type: `multipart/form-data; boundary=${boundary}`,
  };
}
