import { describe, expect, it } from 'vitest';
import { linesOf, runCli, startCli } from '../parts/run-cli.ts';
import { answers, expectOnlyMessages, INITIALIZE, INITIALIZED, reasonOf, request } from '../parts/stdio-messages.ts';

const WRONG = ['http://127.0.0.1:9/sse', '--header', 'Authorization'];
const WHAT = '--header takes a name, a colon and a value';

describe('a bridge that cannot start', () => {
  it('says why to the first request of its client, and on stderr, and ends with 2', async () => {
    const bridge = startCli(WRONG);
    bridge.writeLine(INITIALIZE);
    const answer = await bridge.line('initialize is answered', answers('1'));
    expect(answer).toContain(WHAT);
    expect(reasonOf(answer)).toBe('usage');
    const { code, stdout, stderr } = await bridge.exited();
    expect(code).toBe(2);
    expect(stderr).toContain(`error  ${WHAT}`);
    expectOnlyMessages(stdout);
  });

  it('answers what came with it too, each under its id to the letter, and no notification', async () => {
    const { code, stdout } = await runCli(WRONG, {
      input: `${INITIALIZED}\n${request('9007199254740993', 'initialize')}\n${request('2', 'ping')}\n`,
    });
    expect(code).toBe(2);
    const [first, second, ...others] = linesOf(stdout);
    expect(answers('9007199254740993')(first!)).toBe(true);
    expect(answers('2')(second!)).toBe(true);
    expect(others).toEqual([]);
  });

  it('says nothing on stdout to who closes stdin, and waits for nobody for ever', async () => {
    expect(await runCli(WRONG)).toMatchObject({ code: 2, stdout: '' });
    expect(await startCli(WRONG).exited(5000)).toMatchObject({ code: 2, stdout: '' });
  });
});
