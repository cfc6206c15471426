/**
 * An MCP server of the official SDK with one tool for each thing that a relay must carry. Over stdio when it is started
 * as a program.
 */
import { fileURLToPath } from 'node:url';
import { completable } from '@modelcontextprotocol/sdk/server/completable.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import {
  EmptyResultSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';

const LEVELS = /** @type {const} */ (['debug', 'info', 'warning', 'error']);
/** @param {string} text */
const textOf = (text) => ({ content: [{ type: /** @type {const} */ ('text'), text }] });

/**
 * @param {{ isJson?: boolean }} [how] isJson: answers have no stream, so what is said meanwhile takes the session's own
 */
export function createFeatureServer({ isJson = false } = {}) {
  const server = new McpServer(
    { name: 'feature-server', version: '1.0.0' },
    { capabilities: { logging: {}, resources: { subscribe: true } } },
  );
  /** @param {{ requestId: string | number }} extra */
  const related = ({ requestId }) => (isJson ? {} : { relatedRequestId: requestId });

  server.registerTool('echo', { inputSchema: { text: z.string() } }, ({ text }) => textOf(text));
  server.registerTool('big', { inputSchema: { bytes: z.number() } }, ({ bytes }) => textOf('x'.repeat(bytes)));
  server.registerTool('progress', {}, async (extra) => {
    const progressToken = extra._meta?.progressToken ?? '';
    for (const progress of [1, 2, 3]) {
      const params = { progressToken, progress, total: 3 };
      await server.server.notification({ method: 'notifications/progress', params }, related(extra));
    }
    // The SDK's client forgets its progress handler when the answer comes in the same read: it must have read the last one.
    await server.server.request({ method: 'ping' }, EmptyResultSchema, related(extra));
    return textOf('done');
  });
  addAskingTools(server, related);
  addCancellation(server);
  addChanges(server);
  return server;
}

/** @param {McpServer} server @param {(extra: any) => object} related */
function addAskingTools(server, related) {
  server.registerTool('sample', {}, async (extra) => {
    const messages = [{ role: /** @type {const} */ ('user'), content: { type: 'text', text: 'Say something' } }];
    const params = /** @type {any} */ ({ messages, maxTokens: 10 });
    return textOf(JSON.stringify((await server.server.createMessage(params, related(extra))).content));
  });
  server.registerTool('elicit', {}, async (extra) => {
    const requestedSchema = /** @type {any} */ ({ type: 'object', properties: { colour: { type: 'string' } } });
    const params = { message: 'Which colour?', requestedSchema };
    return textOf(JSON.stringify((await server.server.elicitInput(params, related(extra))).content));
  });
  server.registerTool('roots', {}, async (extra) =>
    textOf(JSON.stringify((await server.server.listRoots(undefined, related(extra))).roots)),
  );
}

/** @param {McpServer} server */
function addCancellation(server) {
  let running = 0;
  let cancelled = 0;
  server.registerTool('endless', {}, async ({ signal }) => {
    running++;
    await new Promise((fulfil) => signal.addEventListener('abort', fulfil, { once: true }));
    cancelled++;
    return textOf('cancelled');
  });
  server.registerTool('endless_calls', {}, () => textOf(JSON.stringify({ running, cancelled })));
}

/** @param {McpServer} server */
function addChanges(server) {
  /** @type {Set<string>} */
  const subscriptions = new Set();
  server.server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
    subscriptions.add(params.uri);
    return {};
  });
  server.server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
    subscriptions.delete(params.uri);
    return {};
  });
  server.registerResource('watched', 'test://watched', {}, (uri) => ({ contents: [{ uri: uri.href, text: 'seen' }] }));
  server.registerTool('touch', {}, async () => {
    for (const uri of subscriptions) await server.server.sendResourceUpdated({ uri });
    return textOf(JSON.stringify([...subscriptions]));
  });
  server.registerTool('grow', { inputSchema: { name: z.string() } }, ({ name }) => {
    server.registerTool(name, {}, () => textOf(name));
    return textOf('grown');
  });
  server.registerTool('log', { inputSchema: { text: z.string() } }, async ({ text }, { sessionId }) => {
    for (const level of LEVELS) await server.server.sendLoggingMessage({ level, data: `${level} ${text}` }, sessionId);
    return textOf('logged');
  });
  const city = completable(z.string(), (start) => ['Lisbon', 'Lima', 'Oslo'].filter((name) => name.startsWith(start)));
  server.registerPrompt('travel', { argsSchema: { city } }, (args) => ({
    messages: [{ role: 'user', content: { type: 'text', text: args.city } }],
  }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdin.once('end', () => process.exit());
  await createFeatureServer().connect(new StdioServerTransport());
}
