/** A command for a POSIX shell in which each secret is a variable, so that it can be copied and shown. */
export interface CurlParts {
  readonly url: URL;
  readonly method?: 'GET' | 'POST' | 'OPTIONS';
  /** Header lines whose values are no secrets. */
  readonly plain?: readonly string[];
  /** Names of headers whose values are secrets. */
  readonly secret?: readonly string[];
  readonly body?: string;
  /** Further options, as they stand in the command. */
  readonly options?: readonly string[];
}

export function curlCommand({ url, method, plain = [], secret = [], body, options = [] }: CurlParts): string {
  const parts = ['curl', '-sSiN', ...options];
  if (method !== undefined && method !== 'GET' && body === undefined) parts.push('-X', method);
  for (const name of secret) parts.push('-H', `"${name}: $${variableOf(name)}"`);
  for (const line of plain) parts.push('-H', quote(line));
  if (body !== undefined) parts.push('-d', quote(body));
  return [...parts, urlArgument(url)].join(' ');
}

/** `X-API-Key` is `$X_API_KEY`. */
function variableOf(header: string): string {
  return header.toUpperCase().replace(/\W/g, '_').replace(/^\d/, '_$&');
}

/** Keys may stand in a URL's query, and in its path after `/t/`. */
function urlArgument(url: URL): string {
  const [before, key, after] = splitKey(url.pathname);
  const start = quote(`${url.origin}${before}`) + (key ? `"$KEY"${quote(after)}` : '');
  return url.search === '' ? start : `${start}${quote('?')}"$QUERY"`;
}

function splitKey(path: string): [before: string, hasKey: boolean, after: string] {
  const found = /^(.*?\/t\/)[^/]+(\/.*)$/.exec(path);
  return found === null ? [path, false, ''] : [found[1]!, true, found[2]!];
}

function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
