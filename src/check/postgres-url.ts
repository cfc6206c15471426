import { DrawbridgeError } from '../errors.ts';

/** The address of a database, without its password. */
export interface PostgresTarget {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** Undefined where the URL has none; nothing is asked about a sign-in then. */
  readonly user: string | undefined;
  readonly database: string;
  readonly hasPassword: boolean;
}

const MAX_NAME_BYTES = 1024;

export function isPostgresUrl(text: string): boolean {
  return /^postgres(ql)?:/i.test(text);
}

/** `postgresql://user@host:port/database`. Throws `usage`, quoting nothing of the URL. */
export function parsePostgresUrl(text: string): PostgresTarget {
  if (!/^postgres(ql)?:\/\/[^/?#]/i.test(text)) throw unusable('no host follows postgresql://');
  if (!URL.canParse(text)) {
    throw unusable(
      /,/.test(text) ? 'it names several hosts, or its port is not valid' : 'its host or port is not valid',
    );
  }
  const url = new URL(text);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (host === '') throw unusable('no host follows postgresql://');
  if (/[%,]/.test(host)) throw unusable('it names several hosts or a socket file; one host is walked, over TCP');
  const user = decode(url.username) || url.searchParams.get('user') || undefined;
  const database = decode(url.pathname.slice(1)) || user || 'postgres';
  for (const name of [user ?? '', database]) {
    if (name.includes('\0') || Buffer.byteLength(name) > MAX_NAME_BYTES)
      throw unusable('its user or database is no name');
  }
  return {
    host,
    port: Number(url.port || 5432),
    user,
    database,
    hasPassword: url.password !== '' || url.searchParams.has('password'),
  };
}

/** As `psql` takes it, within single quotes of a shell. */
export function showPostgresUrl({ host, port, user, database }: PostgresTarget): string {
  const encode = (name: string): string => encodeURIComponent(name).replaceAll("'", '%27');
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return `postgresql://${user === undefined ? '' : `${encode(user)}@`}${shownHost}:${port}/${encode(database)}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unusable('it has a % that encodes nothing');
  }
}

function unusable(why: string): DrawbridgeError {
  return new DrawbridgeError('usage', 'the URL of the database cannot be used', {
    why,
    hint: 'Such as postgresql://user@127.0.0.1:5432/database',
  });
}
