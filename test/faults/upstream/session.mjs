import { pass } from '../wait.mjs';

const NOT_INITIALIZED = { code: -32602, message: 'Received request before initialization was complete' };

const REFUSED = { code: -32603, message: 'not yet' };

/** One MCP session of the staged server. It says of a client that breaks the order of the handshake what it did. */
export class Session {
  /** Whether `notifications/initialized` was accepted. */
  isInitialized = false;
  /** @type {{ method?: string, id?: unknown, params?: any }[]} all that was received in it, oldest first */
  messages = [];
  /** @type {import('./event-stream.mjs').EventStream | undefined} what the server sends by itself; over SSE, everything */
  stream;
  #upstream;
  #isHandshaking = false;

  /** @param {string} id @param {import('./upstream.mjs').Upstream} upstream */
  constructor(id, upstream) {
    this.id = id;
    this.#upstream = upstream;
  }

  /** The methods received, oldest first. */
  get methods() {
    return this.messages.map(({ method }) => method);
  }

  /**
   * Takes a message. The text of its answer goes to `reply`, once or never.
   * @param {any} message
   * @param {string} rawId as the client wrote it
   * @param {(text: string) => void} reply
   */
  async receive(message, rawId, reply) {
    this.messages.push(message);
    const { method, id } = message;
    if (method === 'initialize') {
      if (this.#isHandshaking) this.#complain(message, 'a second initialize in one session');
      this.#isHandshaking = true;
    } else if (!this.isInitialized && method !== 'notifications/initialized' && method !== 'ping') {
      this.#complain(message, 'before notifications/initialized was accepted');
      if (id !== undefined) reply(this.#text(rawId, { error: NOT_INITIALIZED }));
      return;
    }
    if (id === undefined || method === undefined || this.#upstream.holds(message)) return;
    const outcome = await this.#answer(message);
    if (outcome !== undefined) reply(this.#text(rawId, outcome));
  }

  #complain(message, what) {
    this.#upstream.violations.push(`${message.method ?? 'a response'} (id ${JSON.stringify(message.id)}) ${what}`);
  }

  /** A `result` is the text of it, so that a test can say each byte. */
  #text(rawId, { result, error }) {
    const outcome = error === undefined ? `"result":${result}` : `"error":${JSON.stringify(error)}`;
    return `{"jsonrpc":"2.0","id":${rawId},${outcome}}`;
  }

  async #answer({ method, params }) {
    const upstream = this.#upstream;
    await pass(upstream.delayMs[method] ?? 0);
    if (upstream.refuses({ method, params })) return { error: REFUSED };
    const result = (value) => ({ result: JSON.stringify(value) });
    switch (method) {
      case 'initialize':
        return result({
          protocolVersion: params?.protocolVersion ?? '2025-06-18',
          capabilities: {
            tools: { listChanged: true },
            prompts: { listChanged: true },
            resources: { listChanged: true, subscribe: true },
            logging: {},
          },
          serverInfo: { name: 'staged-server', version: '1.0.0' },
        });
      case 'ping':
      case 'logging/setLevel':
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        return result({});
      case 'tools/list':
        return result({ tools: upstream.tools.map((name) => ({ name, inputSchema: { type: 'object' } })) });
      case 'prompts/list':
        return result({ prompts: upstream.prompts.map((name) => ({ name })) });
      case 'resources/list':
        return result({ resources: upstream.resources.map((uri) => ({ uri, name: uri })) });
      case 'tools/call':
        return this.#callTool(params?.name, params?.arguments ?? {});
      default:
        return { error: { code: -32601, message: `Method not found: ${method}` } };
    }
  }

  async #callTool(name, args) {
    const { runs } = this.#upstream;
    const content = (text) => ({ result: JSON.stringify({ content: [{ type: 'text', text }] }) });
    if (args.key !== undefined) runs.set(args.key, (runs.get(args.key) ?? 0) + 1);
    switch (name) {
      case 'echo':
        return content(args.text ?? '');
      case 'counter':
        return content(String(runs.get(args.key)));
      case 'slow':
        await pass(args.ms);
        return content('done');
      case 'big':
        return content('x'.repeat(args.bytes));
      case 'raw':
        return { result: args.json };
      case 'never':
        return undefined;
      default:
        return { error: { code: -32602, message: `Unknown tool: ${name}` } };
    }
  }
}
