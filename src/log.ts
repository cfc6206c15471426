/** A log method as pino has it: a sentence, or fields and a sentence. */
export interface LogMethod {
  (message: string): void;
  (fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** What this package needs of a logger; a pino instance fits. */
export interface Logger {
  readonly error: LogMethod;
  readonly warn: LogMethod;
  readonly info: LogMethod;
  readonly debug: LogMethod;
}

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LineLoggerOptions {
  readonly level: LogLevel;
  /** Lines to read, or one JSON object a line with the time. Default `text`. */
  readonly format?: 'text' | 'json';
  /** Takes one finished line, with its newline. */
  readonly write: (line: string) => void;
  /** Values that are masked wherever they occur in a line; those under 6 characters are left, they would mask words. */
  readonly secrets?: readonly string[];
}

/** One record never grows past this many characters, whatever a peer put into a name. */
const MAX_LINE_CHARS = 2000;
/** Shorter ones would mask words. */
const MIN_SECRET_CHARS = 6;
const SECRET_KEY = /authorization|cookie|password|passwd|secret|token|api[-_]?key|credential/i;
/** Bearer and Basic credentials, access keys, also in a path, cookies, and the password of a URL, wherever they stand. */
const SECRET_TEXT =
  /\bmdb_[\w-]{6,}|(\/t\/)[^\s/?]{6,}(?=\/(?:sse|mcp|messages))|\b(bearer|basic)\s+[\w.~+/=-]{6,}|\b((?:set-)?cookie\W{1,4})[^\s=]{1,64}=[^"\n]*|(\/\/[^\s/:@]*:)[^\s/@]+@/gi;
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

export const silentLogger: Logger = { error: ignore, warn: ignore, info: ignore, debug: ignore };

/** A logger of plain text lines, `level  message  key=value …`, with secrets masked and control characters escaped. */
export function createLineLogger(options: LineLoggerOptions): Logger {
  const threshold = LOG_LEVELS.indexOf(options.level);
  const secrets = options.secrets ?? [];
  const method = (level: Exclude<LogLevel, 'silent'>): LogMethod => {
    if (LOG_LEVELS.indexOf(level) > threshold) return ignore;
    return (first: string | Readonly<Record<string, unknown>>, message?: string) => {
      if (options.format === 'json') {
        options.write(formatJson(level, first, message ?? '', secrets));
        return;
      }
      const fields = typeof first === 'string' ? '' : formatFields(first);
      const text = typeof first === 'string' ? first : (message ?? '');
      options.write(`${level.padEnd(5)} ${cleanLine(text + fields, secrets)}\n`);
    };
  };
  return { error: method('error'), warn: method('warn'), info: method('info'), debug: method('debug') };
}

function ignore(): void {}

/** One object a line; each text in it is cleaned and bounded as a line of text is. */
function formatJson(
  level: string,
  first: string | Readonly<Record<string, unknown>>,
  message: string,
  secrets: readonly string[],
): string {
  const msg = cleanLine(typeof first === 'string' ? first : message, secrets);
  const record: Record<string, unknown> = { time: new Date().toISOString(), level, msg };
  for (const [key, value] of Object.entries(typeof first === 'string' ? {} : first)) {
    if (value === undefined || Object.hasOwn(record, key)) continue;
    if (SECRET_KEY.test(key)) record[key] = '***';
    else
      record[key] =
        typeof value === 'number' || typeof value === 'boolean' ? value : cleanLine(formatValue(value), secrets);
  }
  return `${JSON.stringify(record)}\n`;
}

function formatFields(fields: Readonly<Record<string, unknown>>): string {
  let text = '';
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    text += `  ${key}=${SECRET_KEY.test(key) ? '***' : formatValue(value)}`;
  }
  return text;
}

/** A log line is never worth an exception: what JSON cannot hold is written as JavaScript writes it. */
function formatValue(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value, (key, inner: unknown) => (SECRET_KEY.test(key) ? '***' : inner)) ?? String(value);
  } catch {
    return String(value);
  }
}

/** The text as one bounded line that a terminal can be trusted with, secrets masked. */
export function cleanLine(text: string, secrets: readonly string[]): string {
  const line = maskSecrets(text, secrets);
  const printable = line
    .slice(0, MAX_LINE_CHARS + 1)
    .replace(CONTROL, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  if (printable.length <= MAX_LINE_CHARS) return printable;
  return `${printable.slice(0, MAX_LINE_CHARS)}… (${line.length} characters)`;
}

/** The text with these secrets masked, be they written as they are or inside JSON, and what looks like a credential. */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  let masked = text;
  for (const secret of secrets) {
    if (secret.length < MIN_SECRET_CHARS) continue;
    // Fields are written as JSON, where a quote or backslash of the secret is escaped.
    const escaped = JSON.stringify(secret).slice(1, -1);
    masked = masked.replaceAll(escaped, '***').replaceAll(secret, '***');
  }
  return masked.replace(SECRET_TEXT, (_match, path?: string, scheme?: string, cookie?: string, url?: string) => {
    if (path !== undefined) return `${path}***`;
    if (scheme !== undefined) return `${scheme} ***`;
    if (cookie !== undefined) return `${cookie}***`;
    return url === undefined ? '***' : `${url}***@`;
  });
}

/**
 * What must not be shown of a connection's headers and URL: each value and the parts it has, such as what follows the
 * scheme of a credential, the value of each cookie, and the values of the query. The longest come first, so that none
 * is masked by halves.
 */
export function secretsOf(headers: Readonly<Record<string, string>>, url?: URL): string[] {
  const secrets = new Set<string>();
  for (const value of Object.values(headers)) {
    const [scheme = '', ...rest] = value.split(/[\s;,]+/);
    for (const part of [value, scheme, ...rest]) {
      const after = part.slice(part.indexOf('=') + 1);
      if (part !== scheme || rest.length === 0) secrets.add(part);
      if (after !== part) secrets.add(after);
    }
    if (/^basic$/i.test(scheme))
      secrets.add(
        Buffer.from(rest[0] ?? '', 'base64')
          .toString()
          .replace(/^[^:]*:/, ''),
      );
  }
  if (url !== undefined && url.search !== '') {
    for (const pair of url.search.slice(1).split('&')) secrets.add(pair.slice(pair.indexOf('=') + 1));
    for (const value of url.searchParams.values()) secrets.add(value);
  }
  return [...secrets].sort((a, b) => b.length - a.length);
}
