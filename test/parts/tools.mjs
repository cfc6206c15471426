/** An MCP server of the official SDK with the tools that the tests call; its transport is up to who asks for it. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { z } from 'zod';

/** @returns {McpServer} */
export function createTools() {
  const server = new McpServer({ name: 'test-server', version: '1.0.0' }, { capabilities: { logging: {} } });
  server.registerTool(
    'echo',
    { description: 'Gives back its text', inputSchema: { text: z.string() } },
    ({ text }) => ({
      content: [{ type: 'text', text }],
    }),
  );
  server.registerTool(
    'big',
    { description: 'A text of so many bytes', inputSchema: { bytes: z.number() } },
    ({ bytes }) => ({
      content: [{ type: 'text', text: 'x'.repeat(bytes) }],
    }),
  );
  server.registerTool(
    'slow',
    { description: 'Answers after so many milliseconds, unless it is cancelled', inputSchema: { ms: z.number() } },
    async ({ ms }, { signal }) => {
      await new Promise((fulfil) => {
        const timer = setTimeout(fulfil, ms);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          fulfil();
        });
      });
      return { content: [{ type: 'text', text: signal.aborted ? 'cancelled' : 'done' }] };
    },
  );
  server.registerTool(
    'progress',
    { description: 'Tells its progress three times' },
    async ({ _meta, sendNotification }) => {
      const progressToken = _meta?.progressToken;
      for (const progress of [1, 2, 3]) {
        if (progressToken !== undefined) {
          await sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total: 3 } });
          // The SDK's client forgets its progress handler when the answer comes in the same read.
          await new Promise((fulfil) => setTimeout(fulfil, 20));
        }
      }
      return { content: [{ type: 'text', text: 'done' }] };
    },
  );
  server.registerTool(
    'ask',
    { description: 'Asks the client for a sample, an elicitation and its roots' },
    async () => {
      const sample = await server.server.createMessage({
        messages: [{ role: 'user', content: { type: 'text', text: 'Say something' } }],
        maxTokens: 10,
      });
      const form = await server.server.elicitInput({
        message: 'Which colour?',
        requestedSchema: { type: 'object', properties: { colour: { type: 'string' } } },
      });
      const { roots } = await server.server.listRoots();
      return {
        content: [{ type: 'text', text: JSON.stringify({ sample: sample.content, form: form.content, roots }) }],
      };
    },
  );
  return server;
}
