import { members, type Range } from '../../message/ranges.ts';
import { skipSpace } from '../../message/scan.ts';

/** Members of a message that say what it is, and of its params, what it does. */
const OF_MESSAGE = ['jsonrpc', 'id', 'method', 'params', 'result', 'error'];
const OF_PARAMS = ['name', 'arguments', 'uri', '_meta'];

const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
/** The longest name above, each letter written as an escape, and its quotes. */
const MAX_KEY_BYTES = 9 * 6 + 2;

/**
 * Why two readers could take different members of this JSON object for the same name: it stands there twice, in
 * another case (some parsers do not tell `Method` from `method`), or escaped. Undefined where they could not. Linear.
 */
export function findAmbiguousMember(body: Buffer): string | undefined {
  let params: Range | undefined;
  const top = new NameCheck(body, OF_MESSAGE);
  members(body, skipSpace(body, 0), (key, value) => {
    if (top.look(key) === 'params') params = value;
  });
  if (top.fault !== undefined || params === undefined || body[params.start] !== OPEN_BRACE) return top.fault;
  const inner = new NameCheck(body, OF_PARAMS);
  members(body, params.start, (key) => {
    inner.look(key);
  });
  return inner.fault;
}

class NameCheck {
  fault: string | undefined;
  readonly #body: Buffer;
  readonly #names: ReadonlyMap<string, string>;
  readonly #seen = new Set<string>();

  constructor(body: Buffer, names: readonly string[]) {
    this.#body = body;
    this.#names = new Map(names.map((name) => [fold(name), name]));
  }

  /** The name that the key has or could be taken for. */
  look({ start, end }: Range): string | undefined {
    if (end - start > MAX_KEY_BYTES) return undefined;
    const raw = this.#body.toString('utf8', start + 1, end - 1);
    const isEscaped = this.#body.subarray(start, end).includes(BACKSLASH);
    const key = isEscaped ? (JSON.parse(`"${raw}"`) as string) : raw;
    const name = this.#names.get(fold(key));
    if (name === undefined) return undefined;
    if (isEscaped) this.fault ??= `the name ${name} is escaped`;
    else if (key !== name) this.fault ??= `the name ${name} is written in another case`;
    else if (this.#seen.has(name)) this.fault ??= `the member ${name} occurs twice`;
    this.#seen.add(name);
    return name;
  }
}

/** Down and up again, since a long s and a Kelvin sign are an s and a k to those who fold as Unicode does. */
function fold(key: string): string {
  return key.toLowerCase().toUpperCase();
}
