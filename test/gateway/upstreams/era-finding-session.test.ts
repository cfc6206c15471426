import { describe, expect, it } from 'vitest';
import { DrawbridgeError } from '../../../src/errors.ts';
import { EraFindingSession } from '../../../src/gateway/upstreams/era-finding-session.ts';
import { turn } from '../../parts/joined-relay.ts';
import {
  answer,
  EventLog,
  MemoryTransport,
  messageOf,
  quietly,
  rejectionOf,
  request,
} from '../../parts/memory-transport.ts';

const INITIALIZE = messageOf(request('1', 'initialize'));
const refusal = (code: number): string => `{"jsonrpc":"2.0","id":1,"error":{"code":${code},"message":"m"}}`;

interface Stage {
  readonly legacy: MemoryTransport;
  readonly modern: MemoryTransport;
  readonly log: EventLog;
  readonly session: EraFindingSession;
  asked: number;
}

async function stage(isModern: boolean | Error): Promise<Stage> {
  const legacy = new MemoryTransport();
  const modern = new MemoryTransport();
  const log = new EventLog();
  const session = new EraFindingSession({
    legacy,
    isModern: () => {
      made.asked++;
      return isModern instanceof Error ? Promise.reject(isModern) : Promise.resolve(isModern);
    },
    createModern: () => modern,
  });
  const made: Stage = { legacy, modern, log, session, asked: 0 };
  await session.start(log);
  return made;
}

function refusedWith(upstreamStatus: number): DrawbridgeError {
  return new DrawbridgeError('upstream_error', 'refused', { upstreamStatus });
}

describe('a session that a server of 2026-07-28 alone refuses', () => {
  it.each([
    -32020, -32021, -32022, -32601, -32602,
  ])('by the error %i is translated, and the refusal is not heard of', async (code) => {
    const { legacy, modern, log, session } = await stage(true);
    session.pause();
    await session.send(INITIALIZE);
    quietly(legacy.tell(refusal(code)));
    const later = session.send(messageOf(request('2')));
    await later;
    expect(modern.sent).toEqual([INITIALIZE.bytes.toString(), request('2')]);
    expect(modern.calls).toEqual(['pause', 'start']);
    expect(legacy.calls).toContain('close');
    quietly(legacy.tell(answer('1')));
    legacy.events.end(new DrawbridgeError('upstream_lost', 'late'));
    quietly(modern.tell(answer('1', '{"n":1.0}')));
    expect(log.messages).toEqual([answer('1', '{"n":1.0}')]);
    expect(log.ends).toEqual([]);
  });

  it.each([400, 404, 405, 406])('by the status %i is translated', async (status) => {
    const { legacy, modern, session } = await stage(true);
    legacy.onSend = () => Promise.reject(refusedWith(status));
    await session.send(INITIALIZE);
    expect(modern.sent).toEqual([INITIALIZE.bytes.toString()]);
  });

  it('fails as it fails where it cannot be translated', async () => {
    const { legacy, modern, log, session } = await stage(true);
    modern.onSend = () => Promise.reject(new DrawbridgeError('upstream_unreachable', 'away'));
    await session.send(INITIALIZE);
    quietly(legacy.tell(refusal(-32022)));
    await turn();
    expect(log.messages).toEqual([expect.stringMatching(/"id":1,"error":.*"upstream_unreachable"/)]);
  });

  it('is over where it was closed meanwhile', async () => {
    const { legacy, modern, log, session } = await stage(true);
    await session.send(INITIALIZE);
    quietly(legacy.tell(refusal(-32022)));
    await session.close();
    await turn();
    expect(modern.calls).toEqual([]);
    expect(log.messages).toEqual([]);
  });
});

describe('a session that a server refuses otherwise', () => {
  it('is refused as the server refuses it where that is not of 2026-07-28', async () => {
    const { legacy, modern, log, session } = await stage(false);
    await session.send(INITIALIZE);
    quietly(legacy.tell(refusal(-32022)));
    await turn();
    expect(log.messages).toEqual([refusal(-32022)]);
    legacy.onSend = () => Promise.reject(refusedWith(404));
    expect(await rejectionOf(session.send(INITIALIZE))).toMatchObject({ upstreamStatus: 404 });
    expect(modern.calls).toEqual([]);
  });

  it.each([401, 403, 429, 500, 503])('is not asked about: the status %i', async (status) => {
    const made = await stage(true);
    made.legacy.onSend = () => Promise.reject(refusedWith(status));
    expect(await rejectionOf(made.session.send(INITIALIZE))).toMatchObject({ upstreamStatus: status });
    expect(made.asked).toBe(0);
  });

  it.each([-32600, -32603, -32000, -32019, -32023])('is not asked about: the error %i', async (code) => {
    const made = await stage(true);
    await made.session.send(INITIALIZE);
    quietly(made.legacy.tell(refusal(code)));
    expect(made.log.messages).toEqual([refusal(code)]);
    expect(made.asked).toBe(0);
  });

  it('is not asked about once initialize was answered', async () => {
    const made = await stage(true);
    await made.session.send(INITIALIZE);
    quietly(made.legacy.tell(answer('1')));
    await made.session.send(messageOf(request('1')));
    quietly(made.legacy.tell(refusal(-32022)));
    expect(made.log.messages).toEqual([answer('1'), refusal(-32022)]);
    expect(made.asked).toBe(0);
  });
});
