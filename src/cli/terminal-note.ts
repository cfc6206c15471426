import { cleanLine } from '../log.ts';

/**
 * What somebody is told who starts a bridge by hand: with nothing to read it would wait for ever without a word.
 * `args` are shown as the entry of a client, without what is secret in them.
 */
export function terminalNote(args: readonly string[], script: string, secrets: readonly string[]): string {
  // What npx has unpacked it may clear away at any time.
  const isFromNpx = /[/\\]_npx[/\\]/.test(script);
  const [command, before] = isFromNpx ? ['npx', ['-y', 'mcp-drawbridge']] : [process.execPath, [script]];
  const shown = args.map((arg) => cleanLine(arg, secrets));
  const entry = { mcpServers: { 'my-server': { command, args: [...before, ...shown] } } };
  return `An MCP client that only has stdio starts this command, and speaks to it over its
standard input and output. The entry for such a client, in claude_desktop_config.json
for instance:

${JSON.stringify(entry, undefined, 2)}
${shown.some((arg, index) => arg !== args[index]) ? '\n*** stands for what is secret; DRAWBRIDGE_HEADER in "env" keeps it out of "args".\n' : ''}
Standard input is a terminal now, so it waits for what you type, one JSON-RPC message a
line. Ctrl-C ends it. mcp-drawbridge check with the same URL says whether the way to the
server is clear.

`;
}
