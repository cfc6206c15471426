import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { curlCommand } from '../../src/check/curl.ts';

/** The arguments that a shell gives to curl. */
function argumentsOf(command: string, env: Readonly<Record<string, string>> = {}): string[] {
  const script = `curl() { printf '%s\\n' "$@"; }; ${command}`;
  const text = execFileSync('sh', ['-c', script], { env: { PATH: process.env['PATH'], ...env }, encoding: 'utf8' });
  return text.trimEnd().split('\n');
}

describe('a command for the shell', () => {
  it('has secrets as variables, of headers and in the URL', () => {
    const command = curlCommand({
      url: new URL('https://mcp.example/pg/t/mdb_secret/sse?token=abc&x=1'),
      secret: ['Authorization', 'X-API-Key'],
    });
    expect(command).not.toMatch(/mdb_secret|abc/);
    const env = { AUTHORIZATION: 'Bearer a b', X_API_KEY: 'k', KEY: 'mdb_1', QUERY: 'token=q' };
    expect(argumentsOf(command, env)).toEqual([
      '-sSiN',
      '-H',
      'Authorization: Bearer a b',
      '-H',
      'X-API-Key: k',
      'https://mcp.example/pg/t/mdb_1/sse?token=q',
    ]);
  });

  it('lets nothing of a URL, a header or a body be run', () => {
    const hostile = `';echo out;'$(echo out)\`echo out\``;
    const url = new URL(`http://mcp.example/${hostile}`);
    const command = curlCommand({ url, plain: [`Host: ${hostile}`], body: `{"a":"${hostile}"}` });
    expect(argumentsOf(command)).toEqual(['-sSiN', '-H', `Host: ${hostile}`, '-d', `{"a":"${hostile}"}`, url.href]);
  });

  it('names the method only where curl would take another', () => {
    const url = new URL('http://mcp.example/mcp');
    expect(curlCommand({ url, method: 'OPTIONS' })).toBe('curl -sSiN -X OPTIONS http://mcp.example/mcp');
    expect(curlCommand({ url, method: 'POST', body: '{}' })).toBe("curl -sSiN -d '{}' http://mcp.example/mcp");
  });
});
