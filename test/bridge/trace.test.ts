import { describe, expect, it } from 'vitest';
import { createTrace } from '../../src/bridge/trace.ts';
import { createLineLogger } from '../../src/log.ts';
import { intercept } from '../../src/relay/intercept.ts';
import { answer, EventLog, MemoryTransport, messageOf, request } from '../parts/memory-transport.ts';

describe('the trace', () => {
  it('has one line a message and direction, with what it is and never what stands in it', async () => {
    const lines: string[] = [];
    const logger = createLineLogger({ level: 'debug', write: (line) => lines.push(line) });
    const up = new MemoryTransport();
    const outer = intercept(up, createTrace(logger));
    const log = new EventLog();
    await outer.start(log);
    const call = '{"id":9007199254740993,"method":"tools/call","params":{"password":"hunter2"}}';
    outer.send(messageOf(call));
    up.tell(answer('9007199254740993', '"hunter2"'));
    up.tell('{"method":"notifications/x","params":"hunter2"}');
    outer.send(messageOf(request(`"${'x'.repeat(1000)}"`, 'y'.repeat(1000))));
    expect(lines).toEqual([
      `debug client → server  kind=request  method=tools/call  id=9007199254740993  bytes=${call.length}\n`,
      'debug server → client  kind=response  id=9007199254740993  bytes=58\n',
      'debug server → client  kind=notification  method=notifications/x  bytes=47\n',
      `debug client → server  kind=request  method=${'y'.repeat(64)}…  id="${'x'.repeat(63)}…  bytes=2049\n`,
    ]);
    expect([up.sent[0], log.messages]).toEqual([
      call,
      [answer('9007199254740993', '"hunter2"'), '{"method":"notifications/x","params":"hunter2"}'],
    ]);
  });
});
