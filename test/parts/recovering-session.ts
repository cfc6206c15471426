/** A RecoveringUpstream whose connections are transports in memory, one after another. */
import { DrawbridgeError, type DrawbridgeErrorDetails } from '../../src/errors.ts';
import { type Logger, silentLogger } from '../../src/log.ts';
import { RecoveringUpstream, type RecoveryOptions } from '../../src/recovery/recovering-upstream.ts';
import { until } from './deadline.ts';
import { answer, EventLog, MemoryTransport, messageOf, quietly, request } from './memory-transport.ts';

export const WHERE = 'db.example:8000';
export const INITIALIZE =
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}';
export const WELCOME =
  '{"protocolVersion":"2025-06-18","capabilities":{"tools":{},"logging":{}},"serverInfo":{"name":"s","version":"1"}}';
export const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';

export const lostError = (details: DrawbridgeErrorDetails = {}): DrawbridgeError =>
  new DrawbridgeError('upstream_lost', `${WHERE} ended its event stream`, details);
export const unreachableError = (): DrawbridgeError =>
  new DrawbridgeError('upstream_unreachable', `cannot reach ${WHERE}`, { why: 'ECONNREFUSED 10.0.0.1:8000 (IPv4)' });
export const sessionLostError = (): DrawbridgeError =>
  new DrawbridgeError('session_lost', `${WHERE} does not know this session or path`, {
    why: 'HTTP 404',
    upstreamStatus: 404,
  });

export class RecoveringSession {
  readonly connections: MemoryTransport[] = [];
  readonly log = new EventLog();
  readonly warnings: string[] = [];
  readonly upstream: RecoveringUpstream;
  /** What becomes of each connection that is made; by default it starts, and answers nothing. */
  onConnect: (connection: MemoryTransport, number: number) => void = () => {};

  constructor(options: Partial<RecoveryOptions> = {}) {
    const warn = (first: unknown, second?: string): void => void this.warnings.push(second ?? String(first));
    const logger: Logger = { ...silentLogger, warn };
    this.upstream = new RecoveringUpstream({
      where: WHERE,
      logger,
      holdMs: 5000,
      initializeTimeoutMs: 5000,
      pingIntervalMs: 0,
      pongTimeoutMs: 1000,
      ...options,
      connect: () => {
        const connection = new MemoryTransport();
        this.connections.push(connection);
        this.onConnect(connection, this.connections.length);
        return connection;
      },
    });
  }

  /** The connection with this number, from 1 on, once it has been started. */
  async connection(number: number): Promise<MemoryTransport> {
    await until(`connection ${number}`, () => this.connections[number - 1]?.calls.includes('start') === true);
    return this.connections[number - 1]!;
  }

  send(text: string): void | Promise<void> {
    const sent = this.upstream.send(messageOf(text));
    quietly(sent);
    return sent;
  }

  /** Starts it, and shakes hands as a client does; the log is empty afterwards. */
  async shakeHands(): Promise<MemoryTransport> {
    await this.upstream.start(this.log);
    const connection = await this.connection(1);
    this.send(INITIALIZE);
    await sentTo(connection, INITIALIZE);
    connection.tell(answer('0', WELCOME));
    this.send(INITIALIZED);
    await sentTo(connection, INITIALIZED);
    this.log.messages.length = 0;
    return connection;
  }

  /** Answers the silent handshake on a connection. */
  async shakeHandsAgain(number: number, welcome = WELCOME): Promise<MemoryTransport> {
    const connection = await this.connection(number);
    await sentTo(connection, INITIALIZE);
    connection.tell(answer('0', welcome));
    await sentTo(connection, INITIALIZED);
    return connection;
  }
}

export async function sentTo(connection: MemoryTransport, text: string): Promise<void> {
  await until(`it is sent ${text.slice(0, 120)}; was sent ${connection.sent.length}`, () =>
    connection.sent.includes(text),
  );
}

/** From now on the connection takes everything, and answers our pings. */
export function answerPings(connection: MemoryTransport): void {
  connection.onSend = (text) => {
    const id = /"id":("mcp-drawbridge-[^"]+"),"method":"ping"/.exec(text)?.[1];
    if (id !== undefined) queueMicrotask(() => connection.tell(answer(id)));
  };
}

/** The first request of ours with this method that a connection was given; its id as JSON text. */
export async function ownRequestTo(
  connection: MemoryTransport,
  method: string,
  index = 0,
): Promise<{ id: string; text: string }> {
  const all = (): string[] =>
    connection.sent.filter((text) => text.includes('"id":"mcp-drawbridge-') && text.includes(`"method":"${method}"`));
  await until(`our ${method} number ${index + 1}`, () => all().length > index);
  const text = all()[index]!;
  return { id: /"id":("[^"]+")/.exec(text)![1]!, text };
}

export { answer, request };
