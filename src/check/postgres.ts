import { isLoopbackAddress, nameAddress } from '../upstream/dial/dial-failure.ts';
import { goOnWithAnyCertificate } from './any-certificate.ts';
import type { Finding } from './finding.ts';
import { findAddresses } from './postgres-addresses.ts';
import { judgeEnd, judgeRefusal, judgeSignIn, judgeStranger } from './postgres-answers.ts';
import { ConnectionEnd, PostgresConnection } from './postgres-connection.ts';
import { type CheckPostgresOptions, type Reached, reachEach } from './postgres-reach.ts';
import { type PostgresTarget, parsePostgresUrl, showPostgresUrl } from './postgres-url.ts';
import { readErrorFields, readParameter, readSignIn, SSL_REQUEST, startupMessage, TERMINATE } from './postgres-wire.ts';

/** A server that lets somebody in says how it is set, in some fifteen messages. */
const MAX_MESSAGES = 200;

/**
 * Walks the address of a database: its name, TCP to each address, whether PostgreSQL answers and offers TLS, and what it
 * asks of the user in the URL. No password is sent, nor shown. Throws `usage` for a URL that cannot be used.
 */
export async function* checkPostgres(url: string, options: CheckPostgresOptions): AsyncGenerator<Finding> {
  const target = parsePostgresUrl(url);
  if (target.hasPassword) {
    yield {
      hop: 'machine',
      verdict: 'warn',
      said: 'the URL has a password in it, which every user of this machine can read in the list of processes',
      remedy: 'Leave it out: none is needed here, and none is sent.',
    };
  }
  const addresses = yield* findAddresses(target.host, options);
  const reached = yield* reachEach(target, addresses, options);
  if (reached !== undefined) yield* converse(target, reached, options);
}

async function* converse(
  target: PostgresTarget,
  { socket, address }: Reached,
  options: CheckPostgresOptions,
): AsyncGenerator<Finding> {
  const { timeoutMs, signal } = options;
  const isHere = isLoopbackAddress(address);
  const where = nameAddress(address, target.port);
  const curl = `psql '${showPostgresUrl(target)}' -c 'SELECT 1'`;
  let connection = new PostgresConnection(socket, timeoutMs, signal);
  try {
    connection.write(SSL_REQUEST);
    const answer = await connection.first();
    const isYes = answer.equals(Buffer.from('S'));
    if (!isYes && !answer.equals(Buffer.from('N'))) {
      // Old servers, and some that stand in front of one, answer with an error that is worth reading.
      const isError = answer[0] === 0x45 && answer.length > 5 && answer.readUInt32BE(1) < 4096;
      const found = isError
        ? judgeRefusal(readErrorFields((await connection.message()).body), target)
        : judgeStranger(answer, target.port);
      yield { hop: 'postgres', curl, ...found };
      return;
    }
    if (isYes) {
      const {
        socket: secure,
        version,
        distrust,
      } = await goOnWithAnyCertificate(connection.release(), target.host, {
        protocol: 'postgresql',
        timeoutMs,
        signal,
      });
      connection = new PostgresConnection(secure, timeoutMs, signal);
      yield { hop: 'postgres', verdict: 'ok', said: `${where} speaks PostgreSQL, and offers TLS (${version})` };
      if (distrust !== undefined && !isHere) yield untrusted(distrust);
    } else {
      const said = `${where} speaks PostgreSQL, without TLS`;
      yield isHere
        ? { hop: 'postgres', verdict: 'ok', said }
        : {
            hop: 'postgres',
            verdict: 'warn',
            said: `${said}: what is read and written can be seen on the way`,
            remedy: WITHOUT_TLS,
          };
    }
    if (target.user === undefined) {
      yield { hop: 'postgres', verdict: 'skip', said: 'whether it asks for a password: there is no user in the URL' };
      return;
    }
    if (!isYes) connection = continued(connection, options);
    connection.write(startupMessage(target.user, target.database));
    yield* signIn(connection, target, where, curl);
    connection.finish(TERMINATE);
  } catch (thrown) {
    yield { hop: 'postgres', curl, ...judgeThrown(thrown, isHere, target.port) };
  } finally {
    connection.finish();
  }
}

const WITHOUT_TLS = 'Set ssl = on in postgresql.conf with a certificate, or reach it through a tunnel (ssh -L).';

function untrusted(distrust: string): Finding {
  return {
    hop: 'tls',
    verdict: 'warn',
    said: `the certificate of PostgreSQL does not show who it is: ${distrust}`,
    remedy: 'Clients with sslmode=verify-full need its authority in sslrootcert, and the host name that it has.',
  };
}

/** The same socket, read anew: the answer to the question for TLS is no message. */
function continued(connection: PostgresConnection, { timeoutMs, signal }: CheckPostgresOptions): PostgresConnection {
  const socket = connection.release();
  const next = new PostgresConnection(socket, timeoutMs, signal);
  socket.resume();
  return next;
}

async function* signIn(
  connection: PostgresConnection,
  target: PostgresTarget,
  where: string,
  curl: string,
): AsyncGenerator<Finding> {
  let isIn = false;
  let version = '';
  for (let count = 0; count < MAX_MESSAGES; count++) {
    const { type, body } = await connection.message();
    if (type === 'E') {
      yield { hop: 'postgres', curl, ...judgeRefusal(readErrorFields(body), target) };
      return;
    }
    if (type === 'R') {
      const kind = readSignIn(body);
      // One that needs no password may still refuse the database.
      isIn = kind === 'none';
      if (!isIn) {
        yield { hop: 'postgres', ...withCurl(judgeSignIn(kind, target, where), curl) };
        return;
      }
    } else if (type === 'S') {
      const [name, value] = readParameter(body);
      if (name === 'server_version') version = value.slice(0, 40);
    } else if (type === 'Z' && isIn) {
      const found = judgeSignIn('none', target, where);
      yield {
        hop: 'postgres',
        curl,
        ...found,
        said: `${found.said}${version === '' ? '' : ` (PostgreSQL ${version})`}`,
      };
      return;
    } else if (!(type === 'N' || type === 'v' || (isIn && type === 'K'))) {
      throw new RangeError(`a message of type ${type} comes where none may`);
    }
  }
  throw new RangeError('it does not stop saying how it is set');
}

function withCurl(found: Pick<Finding, 'verdict' | 'said' | 'remedy'>, curl: string): Omit<Finding, 'hop'> {
  return found.verdict === 'ok' ? found : { ...found, curl };
}

function judgeThrown(thrown: unknown, isHere: boolean, port: number): Pick<Finding, 'verdict' | 'said' | 'remedy'> {
  if (thrown instanceof ConnectionEnd) return judgeEnd(thrown, isHere, port);
  const isAnswer = thrown instanceof RangeError;
  const { code, message } = thrown as NodeJS.ErrnoException;
  return {
    verdict: 'fail',
    said: isAnswer ? `is not PostgreSQL: ${message}` : `says that it speaks TLS, and fails at it: ${code ?? message}`,
    remedy: isAnswer
      ? `Is ${port} the port of PostgreSQL? It is 5432 unless set otherwise.`
      : 'Are ssl_cert_file and ssl_key_file of PostgreSQL right? Its log says more.',
  };
}
