import type { Finding } from './finding.ts';
import type { ConnectionEnd } from './postgres-connection.ts';
import type { PostgresTarget } from './postgres-url.ts';
import type { SignIn } from './postgres-wire.ts';

type Found = Pick<Finding, 'verdict' | 'said' | 'remedy'>;

const MAX_QUOTED_CHARS = 200;

/** What a server that asks for a sign-in, or for none, means to its owner. */
export function judgeSignIn(kind: SignIn, { user, database }: PostgresTarget, where: string): Found {
  const asks = `asks ${user} for a password`;
  const untold = 'whether it is right, and the database there, only signing in tells';
  switch (kind) {
    case 'none':
      return {
        verdict: 'warn',
        said: `lets ${user} into ${database} without a password: so it lets in whoever reaches ${where}`,
        remedy: `Put scram-sha-256 in the place of trust in pg_hba.conf, and give ${user} a password.`,
      };
    case 'scram':
      return { verdict: 'ok', said: `${asks} (SCRAM-SHA-256); ${untold}` };
    case 'md5':
      return {
        verdict: 'warn',
        said: `${asks} (md5); ${untold}`,
        remedy:
          "SET password_encryption = 'scram-sha-256', set the password anew, and write scram-sha-256 in pg_hba.conf.",
      };
    case 'cleartext':
      return {
        verdict: 'warn',
        said: `${asks} as it is, unhashed; ${untold}`,
        remedy: 'Write scram-sha-256 in the place of password in pg_hba.conf, unless LDAP or the like needs it.',
      };
    case 'other':
      return { verdict: 'ok', said: `asks ${user} for something other than a password (GSSAPI, OAuth or the like)` };
  }
}

/** What PostgreSQL refused with (SQLSTATE, appendix A). */
export function judgeRefusal(fields: ReadonlyMap<string, string>, target: PostgresTarget): Found {
  const code = fields.get('C') ?? '?????';
  const message = (fields.get('M') ?? 'it says nothing').slice(0, MAX_QUOTED_CHARS);
  return { verdict: 'fail', said: `refuses: ${message} (${code})`, remedy: remedyFor(code, message, target) };
}

function remedyFor(code: string, message: string, { user, database }: PostgresTarget): string {
  if (code === '28000' && message.includes('pg_hba.conf')) {
    return `Add a line to pg_hba.conf, such as: host ${database} ${user} <address>/32 scram-sha-256; then SELECT pg_reload_conf().`;
  }
  switch (code) {
    case '28000':
      return `Is the user ${user} right? CREATE ROLE makes one, ALTER ROLE … LOGIN lets it in.`;
    case '28P01':
      return 'It refused before it asked for a password: is the line for this user in pg_hba.conf right?';
    case '3D000':
      return `Is the database ${database} right? psql -l lists those there are; CREATE DATABASE makes one.`;
    case '42501':
      return `GRANT CONNECT ON DATABASE … TO … lets ${user} in.`;
    case '53300':
      return 'Every connection is taken: end idle ones, raise max_connections, or put PgBouncer in front.';
    case '57P03':
      return 'It is starting, stopping or recovering: try again in a few seconds; its log says how far it is.';
    case '55000':
      return 'ALTER DATABASE … ALLOW_CONNECTIONS true opens it.';
    case '08P01':
      return 'Something between us and PostgreSQL, such as a pooler, did not understand: its log says what.';
    default:
      return 'The log of PostgreSQL says more.';
  }
}

/** What it is that took the connection and is not PostgreSQL, or does not behave as it. */
export function judgeStranger(seen: Buffer, port: number): Found {
  const text = seen.toString('latin1', 0, 200);
  const wrongPort = `Is ${port} the port of PostgreSQL? It is 5432 unless set otherwise.`;
  const is = (what: string, remedy = wrongPort): Found => ({
    verdict: 'fail',
    said: `is not PostgreSQL: ${what}`,
    remedy,
  });
  if (text.startsWith('SSH-')) {
    return is(
      'an SSH server answers',
      'Tunnel through it: ssh -L 5432:127.0.0.1:5432 user@host, then check 127.0.0.1:5432.',
    );
  }
  if (text.startsWith('HTTP/')) return is('a web server answers');
  if (/^(\x15|\x16)\x03/.test(text)) return is('it speaks TLS from the first byte, as a web server with https does');
  if (/^220[ -]/.test(text)) return is('a mail or FTP server answers');
  if (/^.{3}\x00\x0a\d/s.test(text)) return is('it is MySQL or MariaDB', 'postgres-mcp needs PostgreSQL.');
  return is('its answer is none of PostgreSQL’s');
}

/** A server that says nothing that could be judged. */
export function judgeEnd({ how, seen }: ConnectionEnd, isLoopback: boolean, port: number): Found {
  if (seen.length > 0 && how !== 'aborted') return judgeStranger(seen, port);
  if (how === 'silent') {
    return {
      verdict: 'fail',
      said: 'takes the connection, and then says nothing',
      remedy: 'Is PostgreSQL hung, or is this another service? A tunnel to a machine that is asleep does this too.',
    };
  }
  if (how === 'aborted') return { verdict: 'skip', said: 'was not waited for' };
  const closes = how === 'reset' ? 'takes the connection and resets it' : 'takes the connection and closes it';
  return {
    verdict: 'fail',
    said: `${closes}, without a word`,
    remedy: isLoopback
      ? 'A tunnel (ssh -L) whose far end is down does this: is PostgreSQL running over there, on the port that the tunnel leads to?'
      : 'A firewall or a proxy in front of PostgreSQL may do that; its log says whether it saw the connection.',
  };
}
