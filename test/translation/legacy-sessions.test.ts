import { afterEach, describe, expect, it } from 'vitest';
import { type Asked, askedStage, askableRequest as request, type Stage } from '../parts/asked-stage.ts';
import { rejectionOf } from '../parts/memory-transport.ts';

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

  it('makes room for one with other capabilities when it is idle, and none when all are in use', async () => {
    const { servers, send } = stage();
    const [first] = [await send(request('1')), ...(await Promise.all(['2', '3', '4'].map((id) => send(request(id)))))];
    for (const id of ['5', '6', '7', '8']) await send(request(id));
    const other = (): Promise<Asked> => send(request('9', '', { capabilities: '{"sampling":{}}' }));
    expect((await rejectionOf(other())).code).toBe('too_many_sessions');
    await first.upstream.close();
    await other();
    expect(servers.filter(({ calls }) => calls.includes('close'))).toHaveLength(1);
  });
});
