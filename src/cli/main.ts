import { reportAndExit } from './report.ts';

/** Commands other than the bridge, each in a file of its own that is loaded when it is asked for. */
const COMMANDS: Readonly<Record<string, () => Promise<{ run(args: readonly string[]): Promise<void> }>>> = {
  check: () => import('./commands/check.ts'),
  clients: () => import('./commands/clients.ts'),
  gateway: () => import('./commands/gateway.ts'),
  keys: () => import('./commands/keys.ts'),
};

/** The command line: the first word is a command, or everything is for the bridge. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    const [first, ...rest] = args;
    const command = first !== undefined && Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
    if (command !== undefined) await (await command()).run(rest);
    else await (await import('./commands/bridge.ts')).run(first === 'bridge' ? rest : args);
  } catch (thrown) {
    reportAndExit(thrown);
  }
}
