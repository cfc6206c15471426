/** PostgreSQL's protocol 3.0, as far as asking goes whether it lets somebody in (PostgreSQL, part VII, 54.7). */

const PROTOCOL_3_0 = 0x0003_0000;
const SSL_REQUEST_CODE = 80_877_103;
/** Before a sign-in a server has no reason to say more at once; libpq draws the line at half of it. */
export const MAX_MESSAGE_BYTES = 64 * 1024;
const TYPE_AND_LENGTH_BYTES = 5;

export const SSL_REQUEST = Buffer.from([0, 0, 0, 8, ...int32(SSL_REQUEST_CODE)]);
export const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4]);

/** One message of the server: its type, and what follows the length. */
export interface ServerMessage {
  readonly type: string;
  readonly body: Buffer;
}

/** How a server wants to know who somebody is; `none` is that it does not. */
export type SignIn = 'none' | 'cleartext' | 'md5' | 'scram' | 'other';

/** Neither text may hold a NUL, which a URL's own decoding lets through. */
export function startupMessage(user: string, database: string): Buffer {
  const pairs = ['user', user, 'database', database, 'application_name', 'mcp-drawbridge check'];
  const body = Buffer.concat([Buffer.from(int32(PROTOCOL_3_0)), Buffer.from(`${pairs.join('\0')}\0\0`)]);
  return Buffer.concat([Buffer.from(int32(body.length + 4)), body]);
}

/**
 * The first message in these bytes and how many it takes; undefined while it is not whole. Throws a RangeError for a
 * type or a length that no server sends.
 */
export function readMessage(bytes: Buffer): { readonly message: ServerMessage; readonly bytes: number } | undefined {
  if (bytes.length === 0) return undefined;
  const type = String.fromCharCode(bytes[0]!);
  if (!/[A-Za-z]/.test(type)) throw new RangeError('it begins with no type of message');
  if (bytes.length < TYPE_AND_LENGTH_BYTES) return undefined;
  const length = bytes.readUInt32BE(1);
  if (length < 4 || length > MAX_MESSAGE_BYTES) throw new RangeError(`a message says that it has ${length} bytes`);
  if (bytes.length < length + 1) return undefined;
  return { message: { type, body: bytes.subarray(TYPE_AND_LENGTH_BYTES, length + 1) }, bytes: length + 1 };
}

/** What an Authentication message (`R`) asks for. Throws a RangeError for one without a code. */
export function readSignIn(body: Buffer): SignIn {
  if (body.length < 4) throw new RangeError('a request for a sign-in has no kind');
  const code = body.readUInt32BE(0);
  if (code === 10) return /(^|\0)SCRAM-SHA-/.test(body.toString('latin1', 4)) ? 'scram' : 'other';
  return code === 0 ? 'none' : code === 3 ? 'cleartext' : code === 5 ? 'md5' : 'other';
}

/** `C` is the SQLSTATE and `M` the message of an ErrorResponse (`E`). */
export function readErrorFields(body: Buffer): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const field of body.toString('utf8').split('\0')) {
    if (field !== '' && !fields.has(field[0]!)) fields.set(field[0]!, field.slice(1));
  }
  return fields;
}

/** Name and value of a ParameterStatus message (`S`). */
export function readParameter(body: Buffer): readonly [name: string, value: string] {
  const [name = '', value = ''] = body.toString('utf8').split('\0');
  return [name, value];
}

function int32(value: number): number[] {
  return [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}
