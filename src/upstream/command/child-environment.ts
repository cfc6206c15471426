/** What a command needs to be found, to start and to speak the user's language; nothing of it is a secret. */
const SHARED = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'TERM'],
  ...['LANG', 'LANGUAGE', 'LC_ALL', 'LC_CTYPE', 'LC_MESSAGES', 'TZ'],
  ...['TMPDIR', 'TMP', 'TEMP', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME'],
  ...['APPDATA', 'LOCALAPPDATA', 'HOMEDRIVE', 'HOMEPATH', 'USERNAME', 'USERPROFILE'],
  ...['PROGRAMFILES', 'PROGRAMDATA', 'SYSTEMDRIVE', 'SYSTEMROOT', 'COMSPEC', 'PATHEXT', 'PROCESSOR_ARCHITECTURE'],
] as const;
/** Where postgres-mcp looks for its database. */
const DATABASE = 'DATABASE_URI';

export type Environment = Readonly<Record<string, string>>;

/**
 * The environment of a command: of its parent's the variables of a short list, which are those that MCP's own stdio
 * client passes on, locale, time zone, folders for temporary and cached files, and `DATABASE_URI`; and what is
 * configured. Whatever else the parent has, such as credentials of a cloud, stays there.
 */
export function childEnvironment(
  parent: Readonly<Record<string, string | undefined>>,
  configured: Environment,
): Record<string, string> {
  const environment: Record<string, string> = {};
  const wanted = new Set<string>([...SHARED, DATABASE]);
  for (const [name, value] of Object.entries(parent)) {
    // Windows writes PATH as Path. A value that begins with () is a function, which some shells would run.
    if (value !== undefined && wanted.has(name.toUpperCase()) && !value.startsWith('()')) environment[name] = value;
  }
  return { ...environment, ...configured };
}

/** What must not be shown of it: every value that is not of the short list, and the passwords in URLs. */
export function secretsOfEnvironment(environment: Environment): string[] {
  const shared = new Set<string>(SHARED);
  const secrets = new Set<string>();
  for (const [name, value] of Object.entries(environment)) {
    if (shared.has(name.toUpperCase())) continue;
    secrets.add(value);
    const password = URL.canParse(value) ? new URL(value).password : '';
    for (const text of [password, decoded(password)]) if (text !== '') secrets.add(text);
  }
  return [...secrets].sort((one, other) => other.length - one.length);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
