import type { GATEWAY_COMMAND_OPTIONS } from '../config/gateway-options.ts';
import type { ParsedOptions } from '../config/parse-options.ts';
import type { CommandOptions } from '../gateway/upstreams/command-options.ts';
import { cleanLine } from '../log.ts';
import { childEnvironment, type Environment, secretsOfEnvironment } from '../upstream/command/child-environment.ts';
import { findExecutable } from '../upstream/command/find-executable.ts';
import type { ServerValues } from './gateway-settings.ts';
import { readJson } from './oauth-options.ts';
import { usageError } from './report.ts';

type Parsed = ParsedOptions<typeof GATEWAY_COMMAND_OPTIONS>;
type ParentEnvironment = Readonly<Record<string, string | undefined>>;

/** Takes what follows `--` as the command, in the place of one that a file or the environment has. */
export function withCommand(parsed: Parsed): Parsed {
  const { rest, values, origins } = parsed;
  if (rest === undefined) return parsed;
  if (rest.length === 0)
    throw usageError('no command follows --', { hint: 'Such as -- postgres-mcp --access-mode=restricted' });
  return { ...parsed, values: { ...values, command: rest }, origins: new Map([...origins, ['command', '--']]) };
}

/** How the server is started; undefined where it is reached at a URL. Throws `usage` for a program that is not there. */
export function commandOptionsOf(values: ServerValues, env: ParentEnvironment): CommandOptions | undefined {
  const { command } = values;
  if (command === undefined) return undefined;
  const environment = childEnvironment(env, readVariables(values, env));
  const [file = ''] = command;
  if (findExecutable(file, environment) === undefined) {
    throw usageError(`the command ${JSON.stringify(file.slice(0, 80))} was not found`, {
      why: file.includes('/') ? 'there is no program of that name' : 'it is in no folder of the PATH',
      hint: 'Is it installed? A full path is safest.',
    });
  }
  return {
    command,
    environment,
    principalEnvironment: readPrincipals(values),
    ...(values['command-scope'] === undefined ? {} : { commandScope: values['command-scope'] }),
  };
}

/** What must not be shown of the environments that are configured. */
export function commandSecrets(values: ServerValues, env: ParentEnvironment): string[] {
  if (values.command === undefined) return [];
  const environments = [childEnvironment(env, readVariables(values, env)), ...Object.values(readPrincipals(values))];
  return environments.flatMap(secretsOfEnvironment);
}

/** The command as a log has it, the passwords of its URLs masked. */
export function showCommand(command: readonly string[]): string {
  return cleanLine(command.map((text) => (/[\s"']/.test(text) ? JSON.stringify(text) : text)).join(' '), []);
}

/** What the command's environment is given besides its parent's: `NAME=value`, or `NAME` for the parent's own. */
function readVariables(values: ServerValues, env: ParentEnvironment): Environment {
  const pairs = (values['command-env'] ?? []).map((text, index): [string, string] => {
    const equals = text.indexOf('=');
    const name = equals === -1 ? text : text.slice(0, equals);
    if (!/^[A-Za-z_][A-Za-z0-9_.]*$/.test(name)) {
      throw usageError('--command-env takes a name, an equals sign and a value', {
        why: `number ${index + 1} of them is not that`,
        hint: 'Such as --command-env DATABASE_URI, or DATABASE_URI=… in the file of DRAWBRIDGE_COMMAND_ENV_FILE.',
      });
    }
    if (equals !== -1) return [name, text.slice(equals + 1)];
    const inherited = env[name];
    if (inherited !== undefined) return [name, inherited];
    throw usageError(`the variable ${name} is not set`, { why: '--command-env takes it from the environment' });
  });
  return Object.fromEntries(pairs);
}

function readPrincipals(values: ServerValues): Record<string, Environment> {
  const text = values['principal-environment'];
  if (text === undefined) return {};
  const where = '--principal-environment';
  const principals = readJson(text, where) ?? {};
  for (const [principal, own] of Object.entries(principals)) {
    const isEnvironment =
      typeof own === 'object' && own !== null && Object.values(own).every((value) => typeof value === 'string');
    if (!isEnvironment)
      throw usageError(`${where} must give ${JSON.stringify(principal.slice(0, 80))} an object of texts`, {
        hint: 'Such as {"alice":{"DATABASE_URI":"postgresql://…"}}',
      });
  }
  return principals as Record<string, Environment>;
}
