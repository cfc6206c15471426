/** A session that begins with a server that is there or not at all: without `initializeTimeoutMs`. */
import { afterEach, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { RecoveringUpstream } from '../../src/recovery/recovering-upstream.ts';
import { until, within } from '../parts/deadline.ts';
import { EventLog, MemoryTransport, messageOf, rejectionOf, settleable } from '../parts/memory-transport.ts';
import { INITIALIZE, unreachableError, WHERE } from '../parts/recovering-session.ts';

let upstream: RecoveringUpstream;
let connections: MemoryTransport[] = [];
afterEach(async () => {
  await upstream.close();
  connections = [];
});

function create(onConnect: (connection: MemoryTransport) => void = () => {}): EventLog {
  upstream = new RecoveringUpstream({
    where: WHERE,
    logger: silentLogger,
    holdMs: 5000,
    pingIntervalMs: 0,
    pongTimeoutMs: 1000,
    connect: () => {
      const connection = new MemoryTransport();
      connections.push(connection);
      onConnect(connection);
      return connection;
    },
  });
  return new EventLog();
}

it('has started when its first connection has', async () => {
  const start = settleable();
  const log = create((connection) => {
    connection.onStart = () => start.promise;
  });
  let hasStarted = false;
  const started = upstream.start(log).then(() => {
    hasStarted = true;
  });
  await until('the connection', () => connections[0]?.calls.includes('start') === true);
  expect(hasStarted).toBe(false);
  start.fulfil();
  await within(1000, 'it has started', started);
});

it('does not start where the first connection does not, and tries no other', async () => {
  const log = create((connection) => {
    connection.onStart = () => Promise.reject(unreachableError());
  });
  expect(await rejectionOf(upstream.start(log))).toMatchObject({ code: 'upstream_unreachable' });
  await until('it is over', () => connections[0]?.calls.includes('close') === true);
  expect(connections).toHaveLength(1);
});

it('fails an initialize that its server did not take, tries no other, and is over', async () => {
  const log = create((connection) => {
    connection.onSend = () => Promise.reject(unreachableError());
  });
  await upstream.start(log);
  expect(await rejectionOf(upstream.send(messageOf(INITIALIZE)))).toMatchObject({ code: 'upstream_unreachable' });
  await until('the end is told', () => log.ends.length > 0);
  expect(connections).toHaveLength(1);
});

it('is closed while it starts: the start fails', async () => {
  const log = create((connection) => {
    connection.onStart = () => new Promise(() => {});
  });
  const started = rejectionOf(upstream.start(log));
  await until('the connection', () => connections.length === 1);
  await upstream.close();
  expect(await within(1000, 'the start is over', started)).toMatchObject({ code: 'upstream_lost' });
});
