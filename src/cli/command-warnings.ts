import type { CommandOptions } from '../gateway/upstreams/command-options.ts';

const POSTGRES_URL = /^postgres(?:ql)?:\/\//i;
/** The hosts of a connection URI, of which libpq takes several, and the `host` among its parameters. */
const LOCALHOST =
  /^postgres(?:ql)?:\/\/(?:[^/?#]*@|(?![^/?#]*@))(?:[^/?#@]*,)?localhost(?:[:,/?#]|$)|[?&]host=(?:[^&#]*,)?localhost(?:[,&#]|$)/i;

/** What about a command deserves a word at the start; nothing of a value is quoted. */
export function commandWarnings(
  { command = [], environment = {}, principalEnvironment = {} }: CommandOptions,
  origins: ReadonlyMap<string, string>,
): string[] {
  const named = [
    ...command.map((value) => ['an argument of the command', value] as const),
    ...Object.entries(environment),
    ...Object.entries(principalEnvironment).flatMap(([principal, own]) =>
      Object.entries(own).map(([name, value]) => [`${name} of ${principal}`, value] as const),
    ),
  ];
  const warnings = named
    .filter(([, value]) => LOCALHOST.test(value))
    .map(
      ([name]) =>
        `${name} names the host localhost, which may be ::1, where no tunnel or server may listen: write 127.0.0.1`,
    );
  if (command.some((value) => POSTGRES_URL.test(value) && /^[^/]*\/\/[^/@:]*:[^/@]+@/.test(value)))
    warnings.push(
      'a password among the arguments of the command is seen by everybody who lists processes: use DATABASE_URI',
    );
  if (
    origins.get('principal-environment') === '--principal-environment' ||
    origins.get('command-env') === '--command-env'
  )
    warnings.push(
      'variables given on the command line are seen by everybody who lists processes: use DRAWBRIDGE_COMMAND_ENV_FILE, DRAWBRIDGE_PRINCIPAL_ENVIRONMENT_FILE or --config',
    );
  return warnings;
}
