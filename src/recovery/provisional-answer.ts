import type { DrawbridgeError } from '../errors.ts';
import { maskSecrets } from '../log.ts';
import { type Message, readMessage } from '../message/message.ts';
import { memberOf } from './session-memory.ts';

declare const DRAWBRIDGE_VERSION: string | undefined;

const LATEST_VERSION = '2025-11-25';

/**
 * The answer to an `initialize` that the server could not be given in time. It is a result and no error, since clients
 * give a server up for good that answers this request with an error; its `instructions` say what is the matter. The
 * lists that it promises to tell of are announced when the server is there.
 */
export function provisionalAnswer(initialize: Message, error: DrawbridgeError, secrets: readonly string[]): Message {
  const params = memberOf(initialize, 'params') as { protocolVersion?: unknown } | undefined;
  const asked = params?.protocolVersion;
  const result = {
    protocolVersion: typeof asked === 'string' ? asked : LATEST_VERSION,
    capabilities: { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true } },
    serverInfo: {
      name: 'mcp-drawbridge',
      title: 'mcp-drawbridge, still without its MCP server',
      version: typeof DRAWBRIDGE_VERSION === 'undefined' ? '0.0.0' : DRAWBRIDGE_VERSION,
    },
    instructions:
      `The MCP server cannot be used at the moment: ${maskSecrets(error.sentence, secrets)}. ${error.hint} ` +
      'mcp-drawbridge keeps trying; the tools of the server appear as soon as it answers.',
  };
  return readMessage(Buffer.from(`{"jsonrpc":"2.0","id":${initialize.id},"result":${JSON.stringify(result)}}`));
}
