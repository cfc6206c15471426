import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/check/finding.ts';
import { checkPostgres } from '../../src/check/postgres.ts';
import { readMessage } from '../../src/check/postgres-wire.ts';
import { within } from '../parts/deadline.ts';

const SSL_REQUEST = Buffer.from('00000008' + '04d2162f', 'hex');
const TERMINATE = Buffer.from('5800000004', 'hex');

/** A message of the server: type, length, body. */
function message(type: string, body: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(body);
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeUInt32BE(bytes.length + 4, 1);
  return Buffer.concat([head, bytes]);
}

const authentication = (code: number, more = ''): Buffer => {
  const body = Buffer.alloc(4);
  body.writeUInt32BE(code);
  return message('R', Buffer.concat([body, Buffer.from(more)]));
};
const error = (code: string, text: string): Buffer => message('E', `SFATAL\0VFATAL\0C${code}\0M${text}\0\0`);

interface Stage {
  readonly port: number;
  /** All that was sent to it, of every connection. */
  readonly received: Buffer[];
}

const servers: Server[] = [];
const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** A server that greets with something, and answers each chunk by the next of these. */
async function stage(
  answers: readonly (Buffer | string | ((socket: Socket) => void))[],
  greeting?: Buffer | string,
): Promise<Stage> {
  const received: Buffer[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    const left = [...answers];
    if (greeting !== undefined) socket.write(greeting);
    socket.on('data', (chunk) => {
      received.push(chunk);
      const answer = left.shift();
      if (typeof answer === 'function') answer(socket);
      else if (answer !== undefined) socket.write(answer);
    });
  });
  servers.push(server);
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  return { port: (server.address() as AddressInfo).port, received };
}

async function walk(url: string, timeoutMs = 2000, signal = new AbortController().signal): Promise<Finding[]> {
  const findings: Finding[] = [];
  const all = (async () => {
    for await (const finding of checkPostgres(url, { family: '4', timeoutMs, signal })) findings.push(finding);
  })();
  await within(10_000, 'the walk ends', all);
  return findings;
}

const urlOf = ({ port }: Stage): string => `postgresql://kwild@127.0.0.1:${port}/kwild`;
const last = (findings: readonly Finding[]): Finding => findings[findings.length - 1]!;

describe('a database that answers', () => {
  it('is asked for TLS and for a sign-in, byte for byte, and is left with a Terminate and no password', async () => {
    const at = await stage(['N', authentication(10, 'SCRAM-SHA-256\0\0')]);
    const findings = await walk(`postgresql://kwild:hunter2secret@127.0.0.1:${at.port}/db`);
    await within(2000, 'it is left', new Promise<void>((fulfil) => [...sockets][0]!.on('close', () => fulfil())));
    const sent = Buffer.concat(at.received);
    const body = Buffer.from('00030000' + '', 'hex');
    const pairs = Buffer.from('user\0kwild\0database\0db\0application_name\0mcp-drawbridge check\0\0');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(4 + body.length + pairs.length);
    expect(sent).toEqual(Buffer.concat([SSL_REQUEST, length, body, pairs, TERMINATE]));
    expect(JSON.stringify(findings)).not.toContain('hunter2secret');
    expect(findings.map(({ hop, verdict }) => `${hop} ${verdict}`)).toEqual([
      'machine warn',
      'tcp ok',
      'postgres ok',
      'postgres ok',
    ]);
    expect(last(findings).said).toContain('SCRAM-SHA-256');
  });

  it.each([
    ['cleartext', authentication(3), 'warn', 'unhashed'],
    ['md5', authentication(5, 'salt'), 'warn', '(md5)'],
    ['GSSAPI', authentication(7), 'ok', 'other than a password'],
    ['an unknown SASL mechanism', authentication(10, 'OAUTHBEARER\0\0'), 'ok', 'other than a password'],
    [
      'trust',
      Buffer.concat([
        authentication(0),
        message('S', 'server_version\x0017.2\0'),
        message('K', '12345678'),
        message('Z', 'I'),
      ]),
      'warn',
      'without a password: so it lets in whoever reaches',
    ],
    [
      'no entry in pg_hba.conf',
      error('28000', 'no pg_hba.conf entry for host "10.0.0.5", user "kwild", database "kwild", no encryption'),
      'fail',
      'no pg_hba.conf entry for host "10.0.0.5"',
    ],
    ['an unknown role', error('28000', 'role "kwild" does not exist'), 'fail', 'role "kwild" does not exist (28000)'],
    ['too many connections', error('53300', 'sorry, too many clients already'), 'fail', 'too many clients'],
    ['a start under way', error('57P03', 'the database system is starting up'), 'fail', 'starting up'],
    [
      'a database missing after trust',
      Buffer.concat([authentication(0), error('3D000', 'database "kwild" does not exist')]),
      'fail',
      'database "kwild" does not exist (3D000)',
    ],
    [
      'a notice before',
      Buffer.concat([message('N', 'SNOTICE\0\0'), message('v', '\0\x03\0\0\0\0\0\0'), authentication(5, 'salt')]),
      'warn',
      '(md5)',
    ],
  ])('%s is told, with a remedy where one is needed', async (_name, answer, verdict, said) => {
    const found = last(await walk(urlOf(await stage(['N', answer]))));
    expect(found).toMatchObject({ hop: 'postgres', verdict });
    expect(found.said).toContain(said);
    expect(found.remedy === undefined).toBe(verdict === 'ok');
  });

  it('an answer that comes byte by byte is the same', async () => {
    const answer = authentication(10, 'SCRAM-SHA-256\0\0');
    const at = await stage([
      'N',
      (socket) => {
        socket.setNoDelay(true);
        const send = (index: number): void => {
          if (index === answer.length) return;
          socket.write(answer.subarray(index, index + 1), () => setImmediate(send, index + 1));
        };
        send(0);
      },
    ]);
    expect(last(await walk(urlOf(at)))).toMatchObject({ verdict: 'ok' });
  });

  it('an old one that answers the question for TLS with an error is read', async () => {
    const found = last(await walk(urlOf(await stage([error('08P01', 'unsupported startup packet')]))));
    expect(found.said).toBe('refuses: unsupported startup packet (08P01)');
  });

  it('without a user nothing is asked about one', async () => {
    const at = await stage(['N']);
    expect(last(await walk(`postgresql://127.0.0.1:${at.port}/db`))).toMatchObject({
      hop: 'postgres',
      verdict: 'skip',
    });
    expect(Buffer.concat(at.received)).toEqual(SSL_REQUEST);
  });
});

describe('what is no PostgreSQL is named', () => {
  it.each([
    ['an SSH server', [], 'SSH-2.0-OpenSSH_9.6\r\n', 'an SSH server answers'],
    ['a web server', ['HTTP/1.1 400 Bad Request\r\n\r\n'], undefined, 'a web server answers'],
    ['a server of https', [Buffer.from('15030100020250', 'hex')], undefined, 'TLS from the first byte'],
    ['a mail server', [], '220 mail.example.com ESMTP\r\n', 'mail or FTP'],
    ['MySQL', [], Buffer.from('4a0000000a382e302e333600', 'hex'), 'MySQL'],
    ['garbage', [Buffer.from([0, 1, 2, 3])], undefined, 'none of PostgreSQL’s'],
    ['garbage after the question for TLS', ['N', Buffer.from([0, 1, 2, 3])], undefined, 'no type of message'],
    ['a huge length', ['N', Buffer.from('52ffffffff', 'hex')], undefined, '4294967295 bytes'],
    ['a length of nothing', ['N', Buffer.from('5200000000', 'hex')], undefined, '0 bytes'],
    ['a message that has no place there', ['N', message('D', 'abc')], undefined, 'type D'],
    ['a sign-in without its kind', ['N', message('R', '')], undefined, 'has no kind'],
    [
      'endless settings',
      ['N', Buffer.concat([authentication(0), ...Array(300).fill(message('S', 'a\0b\0'))])],
      undefined,
      'does not stop',
    ],
    ['TLS that is none', ['S', 'what?'], undefined, 'says that it speaks TLS, and fails at it'],
  ] as const)('%s', async (_name, answers, greeting, said) => {
    const found = last(await walk(urlOf(await stage(answers, greeting))));
    expect(found).toMatchObject({ hop: 'postgres', verdict: 'fail' });
    expect(found.said).toContain(said);
    expect(found.remedy).toBeTypeOf('string');
    expect(found.curl).toMatch(/^psql '/);
  });

  it('a server that closes without a word is told as the far end of a tunnel that is down', async () => {
    const found = last(await walk(urlOf(await stage([(socket) => socket.end()]))));
    expect(found.said).toBe('takes the connection and closes it, without a word');
    expect(found.remedy).toContain('far end is down');
  });

  it('so is one that resets it', async () => {
    const found = last(await walk(urlOf(await stage([(socket) => socket.resetAndDestroy()]))));
    expect(found.said).toBe('takes the connection and resets it, without a word');
  });

  it('a silent one is not waited for longer than said', async () => {
    const begun = performance.now();
    const found = last(await walk(urlOf(await stage([])), 150));
    expect(found.said).toBe('takes the connection, and then says nothing');
    expect(performance.now() - begun).toBeLessThan(1500);
  });

  it('one that sends without end is not read without end', async () => {
    const flood = (socket: Socket): void => {
      const pour = (): void => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536, 0x4e)));
        if (!socket.destroyed) socket.once('drain', pour);
      };
      pour();
    };
    expect(last(await walk(urlOf(await stage(['N', flood]))))).toMatchObject({ verdict: 'fail' });
  });
});

describe('the way there', () => {
  it('a port on which nothing listens says so, and shows it without us, on Windows too', async () => {
    const at = await stage([]);
    await new Promise((fulfil) => servers.splice(0)[0]!.close(fulfil));
    const findings = await walk(urlOf(at));
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      hop: 'tcp',
      verdict: 'fail',
      said: `127.0.0.1:${at.port} (IPv4): ECONNREFUSED`,
    });
    expect(findings[0]!.remedy).toContain('ssh -N -L');
    expect(findings[0]!.curl).toContain(`Test-NetConnection 127.0.0.1 -Port ${at.port}`);
  });

  it('localhost is tried as both, and 127.0.0.1 named as what to write', async () => {
    const at = await stage(['N', authentication(10, 'SCRAM-SHA-256\0\0')]);
    const findings = await walk(`postgresql://kwild@localhost:${at.port}/kwild`);
    expect(findings[0]).toMatchObject({ hop: 'dns', verdict: 'warn', remedy: expect.stringContaining('127.0.0.1') });
    expect(findings.filter(({ hop }) => hop === 'tcp').map(({ said }) => said)).toEqual([
      expect.stringMatching(/^127\.0\.0\.1:\d+ \(IPv4\) in \d+ ms$/),
      expect.stringMatching(/^\[::1\]:\d+ \(IPv6\): /),
    ]);
    expect(findings.some(({ verdict }) => verdict === 'fail')).toBe(false);
  });

  it('a name that nobody knows fails at dns', async () => {
    const findings = await walk('postgresql://kwild@no-such-host.invalid/kwild');
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ hop: 'dns', verdict: 'fail' });
  });

  it('a walk that is given up ends at once', async () => {
    const controller = new AbortController();
    const at = await stage([() => controller.abort()]);
    expect(last(await walk(urlOf(at), 60_000, controller.signal))).toMatchObject({ verdict: 'skip' });
  });

  it.each([
    'postgresql:///db',
    'postgresql://user:secretword@/db',
    'postgres://a,b/db',
    'postgresql://user:secretword@host:99999/db',
    'postgresql://%2Fvar%2Frun/db',
    'postgresql://user%00@host/db',
    'postgresql://us%zzer@host/db',
  ])('%s is refused, and not quoted', async (url) => {
    const thrown = await walk(url).then(
      () => undefined,
      (error: Error) => error,
    );
    expect(thrown).toMatchObject({ code: 'usage' });
    expect(JSON.stringify([thrown!.message, thrown])).not.toContain('secretword');
  });
});

it('a message is read once it is whole', () => {
  const bytes = message('R', 'abcd');
  for (let length = 0; length < bytes.length; length++) expect(readMessage(bytes.subarray(0, length))).toBeUndefined();
  expect(readMessage(Buffer.concat([bytes, bytes]))).toEqual({
    message: { type: 'R', body: Buffer.from('abcd') },
    bytes: bytes.length,
  });
});
