/** The lines that an MCP client writes, and what must be true of those it reads. */
import { expect } from 'vitest';
import { type CliProcess, linesOf } from './run-cli.ts';

export const INITIALIZE = request(
  '1',
  'initialize',
  '{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test-client","version":"1.0.0"}}',
);
export const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';

/** A request whose id stands in it to the letter. */
export function request(id: string, method: string, params = '{}'): string {
  return `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":${params}}`;
}

export function callTool(id: string, name: string, args: Readonly<Record<string, unknown>> = {}): string {
  return request(id, 'tools/call', JSON.stringify({ name, arguments: args }));
}

/** Whether the line is the answer to the request with this id, written the same way. */
export function answers(id: string): (line: string) => boolean {
  return (line) => line.includes(`"id":${id},`) || line.includes(`"id":${id}}`);
}

/** Takes the bridge through the handshake. */
export async function handshake(cli: CliProcess, ms = 10_000): Promise<void> {
  cli.writeLine(INITIALIZE);
  await cli.line('initialize is answered', answers('1'), ms);
  cli.writeLine(INITIALIZED);
}

/** Throws unless each line, and nothing but lines, is a JSON-RPC message. */
export function expectOnlyMessages(stdout: string): void {
  expect(stdout === '' || stdout.endsWith('\n'), 'stdout ends within a line').toBe(true);
  for (const line of linesOf(stdout)) expect(JSON.parse(line)).toMatchObject({ jsonrpc: '2.0' });
}

/** The `data.reason` of an error answer. */
export function reasonOf(line: string): unknown {
  return (JSON.parse(line) as { error?: { data?: { reason?: unknown } } }).error?.data?.reason;
}
