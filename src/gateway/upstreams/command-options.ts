import { DrawbridgeError } from '../../errors.ts';
import type { Environment } from '../../upstream/command/child-environment.ts';

/** How an MCP server is started that speaks over its stdin and stdout. */
export interface CommandOptions {
  /** The program and its arguments, such as `['postgres-mcp', '--access-mode=restricted']`; no shell reads them. */
  readonly command?: readonly string[];
  /** All of the environment that it gets; nothing is inherited, PATH neither. Default empty. */
  readonly environment?: Environment;
  /** What of the environment is different for one principal, by its id, such as its own `DATABASE_URI`. */
  readonly principalEnvironment?: Readonly<Record<string, Environment>>;
  /** Who shares one process: nobody but one session, or all sessions of one principal. Default `session`. */
  readonly commandScope?: 'session' | 'principal';
}

export interface ResolvedCommand {
  readonly command: readonly [string, ...string[]];
  readonly environment: Environment;
  readonly principalEnvironment: ReadonlyMap<string, Environment>;
  readonly scope: 'session' | 'principal';
}

/** Throws `config`, naming `what`, for what no process can be started with. No value of a variable is quoted. */
export function resolveCommand(options: CommandOptions, what: string): ResolvedCommand | undefined {
  const { command, environment = {}, principalEnvironment = {}, commandScope = 'session' } = options;
  if (command === undefined) return undefined;
  const [file, ...args] = command;
  if (file === undefined || file === '') throw new DrawbridgeError('config', `the command of ${what} is empty`);
  if (command.some((text) => text.includes('\0')))
    throw new DrawbridgeError('config', `the command of ${what} has a NUL`);
  checkEnvironment(environment, what);
  for (const [principal, own] of Object.entries(principalEnvironment))
    checkEnvironment(own, `${what} for the principal ${JSON.stringify(principal)}`);
  return {
    command: [file, ...args],
    environment,
    principalEnvironment: new Map(Object.entries(principalEnvironment)),
    scope: commandScope,
  };
}

function checkEnvironment(environment: Environment, what: string): void {
  if (typeof environment !== 'object' || environment === null)
    throw new DrawbridgeError('config', `the environment of ${what} is not an object of texts`);
  for (const [name, value] of Object.entries(environment)) {
    const isName = name !== '' && !/[=\0]/.test(name);
    if (isName && typeof value === 'string' && !value.includes('\0')) continue;
    throw new DrawbridgeError('config', `the environment of ${what} cannot have ${JSON.stringify(name.slice(0, 80))}`, {
      why: isName ? 'its value is not a text, or has a NUL' : 'that is no name of a variable',
    });
  }
}
