/** Modern requests on legacy servers in memory, whose hands are the test's. */
import { silentLogger } from '../../src/log.ts';
import { capabilitiesOf } from '../../src/translation/client-capabilities.ts';
import { LegacySessions } from '../../src/translation/legacy-sessions.ts';
import { TranslatedUpstream } from '../../src/translation/translated-upstream.ts';
import { WaitingCalls } from '../../src/translation/waiting-calls.ts';
import { EventLog, MemoryTransport, messageOf } from './memory-transport.ts';

const ALL = '{"roots":{},"sampling":{},"elicitation":{"form":{}}}';

/** A legacy server in memory: answers `initialize`, and leaves the rest to the test. */
function legacyServer(): MemoryTransport {
  const server = new MemoryTransport();
  server.onSend = (text) => {
    const message = messageOf(text);
    if (message.method === 'initialize')
      setImmediate(() => void server.tell(`{"jsonrpc":"2.0","id":${message.id},"result":{"capabilities":{}}}`));
  };
  return server;
}

export interface Asked {
  readonly log: EventLog;
  readonly upstream: TranslatedUpstream;
}

export interface Stage {
  readonly servers: MemoryTransport[];
  readonly sessions: LegacySessions;
  readonly waiting: WaitingCalls;
  /** Sends a request as its own upstream, and gives what it hears. */
  send(text: string, principal?: string): Promise<Asked>;
  close(): Promise<void>;
}

export function askedStage({ waitMs = 60_000 } = {}): Stage {
  const servers: MemoryTransport[] = [];
  const sessions = new LegacySessions({ idleMs: 60_000, maxSessions: 100 });
  const waiting = new WaitingCalls({ waitMs });
  return {
    servers,
    sessions,
    waiting,
    close: () => {
      waiting.close();
      return sessions.close();
    },
    send: async (text, principalId = 'alice') => {
      const message = messageOf(text);
      const capabilities = capabilitiesOf(message);
      const upstream = new TranslatedUpstream({
        principalId,
        waiting,
        lease: (isAskable) =>
          sessions.lease({ principalId, capabilities, isAskable }, () => {
            const transport = legacyServer();
            servers.push(transport);
            return {
              transport,
              clientInfo: '{"name":"c","version":"1"}',
              capabilities,
              logger: silentLogger,
              initializeTimeoutMs: 200,
            };
          }),
      });
      const log = new EventLog();
      await upstream.start(log);
      await upstream.send(message);
      return { log, upstream };
    },
  };
}

/** A call by a client that can be asked everything, unless it is said otherwise; `more` are members of its params. */
export const askableRequest = (
  id: string,
  more = '',
  { capabilities = ALL, method = 'tools/call', meta = '' } = {},
): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{"_meta":{"io.modelcontextprotocol/clientCapabilities":${capabilities}${meta}},"name":"x"${more}}}`;
