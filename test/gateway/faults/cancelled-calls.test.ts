/** A server need not answer what was cancelled, and the official SDK's never do: nothing may stay open for it. */
import { expect, it } from 'vitest';
import { until } from '../../parts/deadline.ts';
import { describePairings } from './pairings.ts';

const CALLS = 20;

describePairings('calls that were cancelled and are never answered', (stage) => {
  it('leave no connection open, on either side', async () => {
    const client = await stage.open();
    const [down, up] = [stage.gateway.connectionCount(), stage.link.connectionCount];
    for (let id = 1; id <= CALLS; id++) {
      client.call(String(id));
      await stage.upstream.call(id - 1);
      await client.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`);
    }
    // One connection to either side may be kept for the next message.
    await until('no response waits any more', () => stage.gateway.connectionCount() <= down + 1);
    await until('nor does one of the server', () => stage.link.connectionCount <= up + 2);
    expect(client.messages.filter((text) => text.includes('"error"'))).toEqual([]);
    client.call('"next"');
    (await stage.upstream.call(CALLS)).answer();
    expect(await client.answer('"next"')).toContain('done');
  });
});
