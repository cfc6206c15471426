import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withInterceptors } from '../../src/bridge/interceptors.ts';
import { silentLogger } from '../../src/log.ts';
import { until } from '../parts/deadline.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { MemoryTransport } from '../parts/memory-transport.ts';
import { answers, callTool, INITIALIZE, INITIALIZED, reasonOf, request } from '../parts/stdio-messages.ts';
import { type StreamBridge, startStreamBridge } from '../parts/stream-bridge.ts';

describe('what the options put before the upstream', () => {
  const options = { url: 'http://127.0.0.1:9/', input: process.stdin, output: process.stdout };

  it.each([{}, { ignoreTools: [] }, { requestTimeoutMs: 0, progressHeartbeatMs: 0 }])('is nothing with %j', (more) => {
    const upstream = new MemoryTransport();
    expect(withInterceptors(upstream, { ...options, ...more }, silentLogger)).toBe(upstream);
  });

  it.each([
    { ignoreTools: ['x'] },
    { allowTools: [] },
    { requestTimeoutMs: 1 },
    { progressHeartbeatMs: 1 },
  ])('is something with %j', (more) => {
    const upstream = new MemoryTransport();
    expect(withInterceptors(upstream, { ...options, ...more }, silentLogger)).not.toBe(upstream);
  });
});

describe.each(['sse', 'http'] as const)('a bridge to a real server over %s', (kind) => {
  let server: TestMcpServer;
  const bridges: StreamBridge[] = [];

  beforeEach(async () => {
    server = await startMcpServer({ transports: [kind] });
  });
  afterEach(async () => {
    for (const { bridge } of bridges.splice(0)) await bridge.close();
    await server.kill();
  });

  async function open(options: Partial<Parameters<typeof startStreamBridge>[0]>): Promise<StreamBridge> {
    const bridge = startStreamBridge({ url: kind === 'sse' ? server.sseUrl : server.httpUrl, ...options });
    bridges.push(bridge);
    bridge.writeLine(INITIALIZE);
    await bridge.line('initialize is answered', answers('1'));
    bridge.writeLine(INITIALIZED);
    return bridge;
  }

  async function toolsOf(bridge: StreamBridge): Promise<string[]> {
    bridge.writeLine(request('"list"', 'tools/list'));
    const line = await bridge.line('the list', answers('"list"'));
    const { result } = JSON.parse(line) as { result: { tools: { name: string }[] } };
    return result.tools.map(({ name }) => name);
  }

  it('hides the tools that are ignored', async () => {
    const bridge = await open({ ignoreTools: ['BIG', '*o*'] });
    expect(await toolsOf(bridge)).toEqual(['ask']);
    bridge.writeLine(callTool('2', 'echo', { text: 'here' }));
    const line = await bridge.line('the call is answered', answers('2'));
    expect(JSON.parse(line)).toMatchObject({ error: { code: -32603, message: 'Tool "echo" is not available' } });
  });

  it('shows none but the tools that are allowed', async () => {
    const bridge = await open({ allowTools: ['ec*'] });
    expect(await toolsOf(bridge)).toEqual(['echo']);
    bridge.writeLine(callTool('2', 'echo', { text: 'here' }));
    bridge.writeLine(callTool('3', 'slow', { ms: 1 }));
    expect(await bridge.line('the call is answered', answers('2'))).toContain('"here"');
    expect(reasonOf(await bridge.line('the other call is answered', answers('3')))).toBe('tool_not_available');
  });

  it('answers a call that takes too long, cancels it, and goes on', async () => {
    const bridge = await open({ requestTimeoutMs: 200 });
    bridge.writeLine(callTool('2', 'slow', { ms: 60_000 }));
    expect(reasonOf(await bridge.line('the call is answered', answers('2')))).toBe('request_timeout');
    bridge.writeLine(callTool('3', 'echo', { text: 'here' }));
    expect(await bridge.line('the next call is answered', answers('3'))).toContain('"here"');
    const posts = (): number => server.seen.filter(({ method }) => method === 'POST').length;
    await until('the cancellation arrives', () => posts() === 5);
    expect(bridge.lines.filter(answers('2'))).toHaveLength(1);
  });

  it('tells of a call under way until it is answered', async () => {
    const bridge = await open({ progressHeartbeatMs: 20 });
    bridge.writeLine(
      request('2', 'tools/call', '{"name":"slow","arguments":{"ms":200},"_meta":{"progressToken":"t\\u0061"}}'),
    );
    await bridge.line('a beat', (line) => line.includes('"progressToken":"t\\u0061",'));
    await bridge.line('the call is answered', answers('2'));
    bridge.writeLine(request('3', 'ping'));
    await bridge.line('the ping is answered', answers('3'));
    const after = bridge.lines.slice(bridge.lines.findIndex(answers('2')) + 1);
    expect(after.filter((line) => line.includes('progress'))).toEqual([]);
  });
});
