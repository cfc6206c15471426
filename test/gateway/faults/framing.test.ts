/** What servers send arrives as it was, however it is framed and wherever the network cuts it: P01, P03, P04, P05, P07, P08. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describePairings, type FaultStage } from './pairings.ts';

const END = fc.constantFrom('\n', '\r\n', '\r');
const TEXT = fc.string({ unit: 'grapheme', maxLength: 40 });

interface SentEvent {
  readonly text: string;
  readonly end: string;
  readonly comment: string | undefined;
  readonly isTyped: boolean;
  readonly id: string | undefined;
  /** Data in several lines, cut between two tokens. */
  readonly isSplit: boolean;
}

const EVENT: fc.Arbitrary<SentEvent> = fc.record({
  text: TEXT,
  end: END,
  comment: fc.option(fc.stringMatching(/^[ -~]{0,20}$/), { nil: undefined }),
  isTyped: fc.boolean(),
  id: fc.option(fc.stringMatching(/^[a-z0-9]{1,8}$/), { nil: undefined }),
  isSplit: fc.boolean(),
});

const notificationOf = (data: string): string =>
  `{"jsonrpc":"2.0","method":"notifications/message","params":${JSON.stringify({ level: 'info', data })}}`;

function encode({ text, end, comment, isTyped, id, isSplit }: SentEvent): string {
  const message = notificationOf(text);
  const data = isSplit ? message.replace('"method"', '\n"method"').split('\n') : [message];
  const lines = [
    ...(comment === undefined ? [] : [`:${comment}`]),
    ...(isTyped ? ['event: message'] : []),
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...data.map((line) => `data: ${line}`),
  ];
  return lines.map((line) => line + end).join('') + end;
}

/** Sends these bytes before the answer to a call, and gives the notifications that arrived before it. */
async function arrivalsOf(stage: FaultStage, bytes: string): Promise<string[]> {
  const client = await stage.open();
  if (stage.up === 'sse' && stage.down === 'http') await client.listen();
  const before = stage.upstream.calls.length;
  client.call('1');
  const call = await stage.upstream.call(before);
  call.write(bytes);
  call.answer();
  await client.answer('1', 10_000);
  const arrived = client.messages.filter((text) => text.includes('notifications/message'));
  await client.close();
  return arrived;
}

describePairings('events', (stage) => {
  it('arrive byte for byte and in order, in slices of one byte, with any line ends and fields', async () => {
    await stage.restartGateway({ limitCalls: 1e6, limitRequests: 1e6 });
    stage.link.faults.bytewise = true;
    await fc.assert(
      fc.asyncProperty(fc.array(EVENT, { minLength: 1, maxLength: 4 }), async (events) => {
        const arrived = await arrivalsOf(stage, events.map(encode).join(''));
        expect(arrived.map((text) => JSON.parse(text).params.data)).toEqual(events.map(({ text }) => text));
        for (const [index, { text, isSplit }] of events.entries())
          if (!isSplit) expect(arrived[index]).toBe(notificationOf(text));
      }),
      { numRuns: 12 },
    );
  });

  it('with characters of four bytes arrive, cut at each of their bytes', async () => {
    stage.link.faults.bytewise = true;
    const text = `${'😀'.repeat(3)}é€\u2028\ufeff`;
    expect(await arrivalsOf(stage, `data: ${notificationOf(text)}\r\n\r\n`)).toEqual([notificationOf(text)]);
  });

  it('of other names, comments, and fields that mean nothing are passed over', async () => {
    const noise = ': ping - 2026\n\nevent: other\ndata: {"jsonrpc":"2.0","method":"notifications/message"}\n\n';
    const fields = 'retry: 0\nretry: abc\nretry: 99999999999\nid: a\u0000b\nfoo: bar\n\n';
    const right = notificationOf('right');
    expect(await arrivalsOf(stage, `${noise}${fields}data: ${right}\n\n`)).toEqual([right]);
  });

  it('that are no JSON-RPC are dropped and logged, and those after them arrive', async () => {
    const right = notificationOf('right');
    const bad = ['{nope', '{"a":1}', '42', 'null'].map((data) => `data: ${data}\n\n`).join('');
    expect(await arrivalsOf(stage, `${bad}data: ${right}\n\n`)).toEqual([right]);
    expect(stage.log.filter((line) => line.includes('no JSON-RPC')).length).toBeGreaterThan(0);
  });
});
