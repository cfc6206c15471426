import { createServer } from 'node:http';
import { pass, until } from '../wait.mjs';
import { Link } from './link.mjs';
import { Session } from './session.mjs';
import { serveSse } from './sse.mjs';
import { serveStreamableHttp } from './streamable-http.mjs';

/** How long the end of a connection may take to be seen by a process on a busy machine. */
export const SEEN_MS = 100;

/** The id in the messages of the suite's own client, byte for byte. */
const RAW_ID = /^\{"jsonrpc":"2\.0","id":("(?:[^"\\]|\\.)*"|[^,}]+)/;

/**
 * @typedef {object} SeenRequest an HTTP request, recorded when its head has arrived
 * @property {number} at by `performance.now()`
 * @property {string} method
 * @property {string} path
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {any} [message] the JSON-RPC message, once the body has arrived
 * @property {string} rawId the bytes of the message's id
 * @property {import('./event-stream.mjs').EventStream} [stream] of its answer
 */

/**
 * @typedef {object} UpstreamOptions
 * @property {'sse' | 'http'} kind
 * @property {string} [path] default `/sse` or `/mcp`
 * @property {'stream' | 'hang' | '405'} [get] what a GET of the path meets
 * @property {'stream' | 'json'} [answersAs] over Streamable HTTP
 * @property {boolean} [hasOneEndpoint] announces the same endpoint to every event stream
 * @property {boolean} [hasEventIds] so that streams can be resumed
 * @property {number} [retryMs] the reconnection time that streams ask for
 * @property {boolean} [isAbsent] has its port, but does not listen yet
 */

/**
 * An MCP server on 127.0.0.1 that fails when and how a scenario wants it to, and remembers all that it was sent. What it
 * executes is counted over its whole life, restarts included, so that nothing can run twice unseen.
 */
export class Upstream {
  /** @type {SeenRequest[]} in the order in which their heads arrived */
  requests = [];
  /** @type {Session[]} all there ever were, oldest first */
  allSessions = [];
  /** @type {Map<string, Session>} those it still knows */
  sessions = new Map();
  /** @type {Map<string, import('./event-stream.mjs').EventStream>} */
  streams = new Map();
  /** @type {Map<string, number>} how often a call with this `key` among its arguments was executed */
  runs = new Map();
  /** @type {string[]} what clients did against the order of the handshake */
  violations = [];

  /** @type {(request: SeenRequest) => { status: number, headers?: object, body?: string } | 'nothing' | undefined} */
  respond = () => undefined;
  /** Messages whose answers never come. @type {(message: any) => boolean} */
  holds = () => false;
  /** Messages that are answered with a JSON-RPC error. @type {(message: any) => boolean} */
  refuses = () => false;
  /** @type {Record<string, number>} how long the answer to a method takes */
  delayMs = {};
  /** @type {{ status: number, body?: string }} what a session that it does not know gets */
  unknownSession;
  tools = ['echo', 'counter', 'slow', 'big', 'raw', 'never'];
  prompts = ['greet'];
  resources = ['staged://a', 'staged://b'];

  #server;
  #link;
  #lastSession = 0;

  /** @param {UpstreamOptions} options */
  constructor({
    kind,
    path,
    get = 'stream',
    answersAs = 'stream',
    hasEventIds = false,
    hasOneEndpoint = false,
    retryMs,
  }) {
    this.kind = kind;
    this.path = path ?? (kind === 'sse' ? '/sse' : '/mcp');
    this.get = get;
    this.answersAs = answersAs;
    this.hasEventIds = hasEventIds;
    this.hasOneEndpoint = hasOneEndpoint;
    this.retryMs = retryMs;
    this.unknownSession = { status: 404, body: kind === 'sse' ? 'Could not find session' : 'Session not found' };
    this.#server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
    this.#link = new Link((connection) => this.#server.emit('connection', connection));
  }

  get port() {
    return this.#link.port;
  }

  get host() {
    return `127.0.0.1:${this.port}`;
  }

  get url() {
    return `http://${this.host}${this.path}`;
  }

  /** Every JSON-RPC message received, in the order in which the heads of their requests arrived. */
  get messages() {
    return this.requests.flatMap(({ message }) => (message === undefined ? [] : [message]));
  }

  get initializeCount() {
    return this.messages.filter(({ method }) => method === 'initialize').length;
  }

  /** Listens; after `kill` on the same port, and without any memory of its sessions. */
  async start() {
    await this.#link.open();
  }

  /** As if the process were killed. */
  async kill() {
    this.sessions.clear();
    this.streams.clear();
    await this.#link.cut();
  }

  /**
   * Killed and started again at once; or almost: what the bridge sends before it has seen the loss may have reached the
   * process that was killed, so that an error is all it can answer.
   */
  async restart() {
    await this.kill();
    await pass(SEEN_MS);
    await this.start();
  }

  /** Forgets its sessions, although connections and streams live on. */
  forgetSessions() {
    this.sessions.clear();
  }

  /** Breaks the connections of event streams, and nothing else. @param {'own' | 'answers'} which */
  cutStreams(which) {
    if (which === 'own') for (const { stream } of this.sessions.values()) stream?.cut();
    else for (const { stream } of this.requests) stream?.cut();
  }

  /** Breaks every connection; new ones work. */
  cutConnections() {
    this.#link.cutConnections();
  }

  /** Connections that exist now carry nothing any more, and nobody is told. */
  swallow() {
    this.#link.swallow();
  }

  /** Sends a notification to every session that has a stream for it; says to how many. */
  push(method, params = {}) {
    const open = [...this.sessions.values()].filter(({ stream }) => stream?.isOpen);
    for (const { stream } of open) stream.write(JSON.stringify({ jsonrpc: '2.0', method, params }));
    return open.length;
  }

  /** Waits until a message that fits has arrived. @param {(message: any) => boolean} fits */
  saw(label, fits, ms = 10_000) {
    return until(ms, `the server receives ${label}`, () => this.messages.some(fits));
  }

  /** Waits until the call with this key runs. @param {string} key */
  ran(key, ms = 10_000) {
    return until(ms, `the server executes the call "${key}"`, () => this.runs.has(key));
  }

  createSession() {
    if (!this.hasOneEndpoint) this.#lastSession++;
    const session = new Session(`${this.kind}-${this.#lastSession}`, this);
    this.sessions.set(session.id, session);
    this.allSessions.push(session);
    return session;
  }

  refuseSession(response) {
    const { status, body = '' } = this.unknownSession;
    const type = body.startsWith('{') ? 'application/json' : 'text/plain';
    response.writeHead(status, { 'content-type': type }).end(body);
  }

  /** Answers 202, after the delay of the method where that is a notification. */
  async accept({ message }, response) {
    if (message.id === undefined) await pass(this.delayMs[message.method] ?? 0);
    response.writeHead(202).end();
  }

  async #serve(request, response) {
    const { method = '', url = '/', headers } = request;
    /** @type {SeenRequest} */
    const seen = { at: performance.now(), method, path: url, headers, rawId: 'null' };
    this.requests.push(seen);
    response.on('error', () => {});
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const isReadable = body === '' || readMessage(seen, body);
    const scripted = isReadable ? this.respond(seen) : NOT_A_MESSAGE;
    if (scripted === 'nothing') return;
    if (scripted !== undefined) {
      response.writeHead(scripted.status, { 'content-type': 'text/plain', ...scripted.headers }).end(scripted.body);
    } else await (this.kind === 'sse' ? serveSse : serveStreamableHttp)(this, seen, response);
  }
}

const NOT_A_MESSAGE = { status: 400, body: 'Could not parse message' };

function readMessage(seen, body) {
  try {
    const message = JSON.parse(body);
    // Batches are gone since 2025-06-18.
    if (message === null || typeof message !== 'object' || Array.isArray(message)) return false;
    seen.message = message;
    seen.rawId = RAW_ID.exec(body)?.[1] ?? JSON.stringify(message.id);
    return true;
  } catch {
    return false;
  }
}

/** @param {UpstreamOptions} options */
export async function startUpstream(options) {
  const upstream = new Upstream(options);
  await upstream.start();
  if (options.isAbsent) await upstream.kill();
  return upstream;
}
