import { afterEach, describe, expect, it } from 'vitest';
import { type Asked, askedStage, askableRequest as request, type Stage } from '../parts/asked-stage.ts';

let open: Stage | undefined;
afterEach(async () => {
  await open?.close();
});

function stage(): Stage {
  open = askedStage();
  return open;
}

describe('a session of one principal', () => {
  it('is told of the capabilities that its client has, and is shared by no other ones', async () => {
    const { servers, send } = stage();
    const list = (capabilities: string): Promise<Asked> =>
      send(request('1', '', { method: 'tools/list', capabilities }));
    await list('{"sampling":{},"elicitation":{"form":{"x":1},"more":{}},"extensions":{"a":{}}}');
    await list('{"elicitation":{"form":{}},"sampling":{}}');
    await list('{}');
    const declared = servers.map((server) => JSON.parse(server.sent[0] ?? '').params.capabilities);
    expect(declared).toEqual([{ sampling: {}, elicitation: { form: {} } }, {}]);
  });

  it('makes room for one with other capabilities where it is idle, and is left where it is in use', async () => {
    const { servers, send } = stage();
    const calls: Asked[] = [];
    for (let id = 1; id <= 8; id++) calls.push(await send(request(String(id))));
    const closed = (): number[] => servers.flatMap(({ calls: done }, at) => (done.includes('close') ? [at] : []));
    await send(request('9', '', { capabilities: '{"sampling":{}}' }));
    expect([servers.length, closed()]).toEqual([9, []]);
    await calls[3]?.upstream.close();
    await send(request('10', '', { capabilities: '{"roots":{}}' }));
    expect([servers.length, closed()]).toEqual([10, [3]]);
  });
});
