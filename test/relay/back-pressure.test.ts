import { describe, expect, it } from 'vitest';
import { joined, lost, turn } from '../parts/joined-relay.ts';
import { quietly, type Settleable, settleable } from '../parts/memory-transport.ts';

const MIB = 1024 * 1024;
/** A request of about so many bytes. */
const large = (id: number, bytes: number): string =>
  `{"id":${id},"method":"tools/call","params":"${'x'.repeat(bytes - 50)}"}`;

describe('messages that the upstream has not taken', () => {
  async function withheld() {
    const parts = await joined();
    const sends: Settleable[] = [];
    parts.up.onSend = () => {
      const send = settleable();
      sends.push(send);
      return send.promise;
    };
    const calls = (): string[] => parts.down.calls.filter((call) => call !== 'start');
    return { ...parts, sends, calls };
  }

  it('pause the downstream above 8 MiB, until less than 4 MiB are left', async () => {
    const { down, sends, calls } = await withheld();
    for (let id = 0; id < 8; id++) quietly(down.tell(large(id, MIB)));
    expect(calls()).toEqual([]);
    quietly(down.tell(large(8, MIB)));
    quietly(down.tell(large(9, MIB)));
    expect(calls()).toEqual(['pause']);
    for (const send of sends.slice(0, 5)) send.fulfil();
    await turn();
    expect(calls()).toEqual(['pause']);
    sends[5]?.reject(lost);
    sends[6]?.fulfil();
    await turn();
    expect(calls()).toEqual(['pause', 'resume']);
  });

  it('count whatever they are, and again after a resume', async () => {
    const { down, sends, calls } = await withheld();
    for (const round of [1, 2]) {
      quietly(down.tell(`{"method":"x","params":"${'x'.repeat(9 * MIB)}"}`));
      sends.at(-1)?.fulfil();
      await turn();
      expect(calls()).toHaveLength(2 * round);
    }
    expect(calls()).toEqual(['pause', 'resume', 'pause', 'resume']);
  });

  it('pause nothing where each is taken at once', async () => {
    const { down, calls, up } = await withheld();
    up.onSend = () => {};
    for (let id = 0; id < 20; id++) quietly(down.tell(large(id, MIB)));
    expect(calls()).toEqual([]);
  });

  it('do not resume a relay that has ended', async () => {
    const { down, up, sends, calls } = await withheld();
    quietly(down.tell(large(1, 9 * MIB)));
    up.events.end(lost);
    sends[0]?.reject(lost);
    await turn();
    expect(calls()).not.toContain('resume');
  });
});
