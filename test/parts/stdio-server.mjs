/**
 * An MCP server of the official SDK over stdio, with the tests' tools and what only a process can show. It says on stderr
 * that it is there, and appends its process id to the file that PIDS names.
 */
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';
import { createTools } from './tools.mjs';

const server = createTools();
const text = (/** @type {string} */ value) => ({ content: [{ type: /** @type {const} */ ('text'), text: value }] });

server.registerTool('pid', { description: 'Its process id' }, () => text(String(process.pid)));
server.registerTool(
  'variable',
  { description: 'A variable of its environment', inputSchema: { name: z.string() } },
  ({ name }) => text(process.env[name] ?? '(none)'),
);
server.registerTool('variables', { description: 'The names of all its variables' }, () =>
  text(Object.keys(process.env).sort().join(' ')),
);
server.registerTool(
  'print',
  { description: 'Prints lines where messages should be', inputSchema: { lines: z.array(z.string()) } },
  ({ lines }) => {
    for (const line of lines) process.stdout.write(`${line}\n`);
    return text('printed');
  },
);
server.registerTool('announce', { description: 'Tells of a change and writes to the log' }, async () => {
  await server.server.sendToolListChanged();
  await server.server.sendLoggingMessage({ level: 'info', data: `from ${process.pid}` });
  return text('announced');
});
server.registerTool('grandchild', { description: 'Starts a process that outlives it' }, () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  if (process.env['PIDS']) appendFileSync(process.env['PIDS'], `${child.pid}\n`);
  return text(String(child.pid));
});

if (process.env['PIDS']) appendFileSync(process.env['PIDS'], `${process.pid}\n`);
process.stderr.write(`stdio server ${process.pid} is there\n`);
await server.connect(new StdioServerTransport());
// A program of the SDK ends with its stdin when nothing else keeps it.
process.stdin.on('end', () => process.exit(0));
