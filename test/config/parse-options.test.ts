import { describe, expect, it } from 'vitest';
import { BRIDGE_OPTIONS } from '../../src/config/bridge-options.ts';
import { GATEWAY_COMMAND_OPTIONS } from '../../src/config/gateway-options.ts';
import { nearestName } from '../../src/config/nearest-name.ts';
import { environmentName, type Option, propertyName } from '../../src/config/option.ts';
import { type ParsedOptions, parseOptions } from '../../src/config/parse-options.ts';
import { DrawbridgeError } from '../../src/errors.ts';

const SECRET = 'hunter2-hunter2';
const TABLE = [
  { name: 'upstream', kind: 'text', value: 'url', help: '' },
  { name: 'max-sessions', kind: 'integer', min: 1, max: 100, default: 10, help: '' },
  { name: 'family', kind: 'choice', choices: ['4', '6', 'any'], default: '4', help: '' },
  { name: 'allowed-hosts', kind: 'list', value: 'name', help: '' },
  { name: 'header', kind: 'list', value: 'name:value', isSecret: true, help: '' },
  { name: 'token', kind: 'text', value: 'token', isSecret: true, help: '' },
  { name: 'pin', kind: 'integer', min: 1000, max: 9999, isSecret: true, help: '' },
  { name: 'wait', kind: 'seconds', min: 0.5, help: '' },
  { name: 'resource', kind: 'text', value: 'uri', mayBeEmpty: true, help: '' },
  { name: 'path', kind: 'text', value: 'path', isArgument: true, help: '' },
  { name: 'six', kind: 'flag', means: { name: 'family', value: '6' }, help: '' },
  { name: 'demo', kind: 'flag', help: '' },
  { name: 'help', short: 'h', kind: 'flag', hasNoTwin: true, help: '' },
] as const satisfies readonly Option[];

interface Given {
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
}

function parse(args: readonly string[], { env = {}, files = {} }: Given = {}): ParsedOptions<typeof TABLE> {
  const readFile = (path: string): string => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
    return text;
  };
  return parseOptions(TABLE, { args, env, readFile });
}

function refusal(args: readonly string[], given?: Given): DrawbridgeError {
  try {
    parse(args, given);
  } catch (thrown) {
    if (thrown instanceof DrawbridgeError) return thrown;
    throw thrown;
  }
  throw new Error('it was not refused');
}

const DEFAULTS = { 'max-sessions': 10, family: '4' };

describe('options of the command line', () => {
  it.each([
    { syntax: 'two words', args: ['--upstream', 'http://a/?b=c', '--max-sessions', '7'] },
    { syntax: 'an equals sign', args: ['--upstream=http://a/?b=c', '--max-sessions=7'] },
    { syntax: 'both, the other way round', args: ['--max-sessions=7', '--upstream', 'http://a/?b=c'] },
  ])('are read with $syntax', ({ args }) => {
    expect(parse(args).values).toEqual({ ...DEFAULTS, upstream: 'http://a/?b=c', 'max-sessions': 7 });
  });

  it('may stand before, between and after the arguments', () => {
    const { values, positionals } = parse(['--family', '6', 'http://a', '--demo', '3334', '-h']);
    expect(values).toEqual({ ...DEFAULTS, family: '6', demo: true, help: true });
    expect(positionals).toEqual(['http://a', '3334']);
  });

  it('end at --, and what follows is left as it is', () => {
    expect(parse(['a', '--', '--demo', '--', 'b'])).toEqual({
      values: DEFAULTS,
      origins: new Map(),
      positionals: ['a'],
      rest: ['--demo', '--', 'b'],
    });
    expect(parse(['--']).rest).toEqual([]);
    expect(parse([]).rest).toBeUndefined();
  });

  it('that are lists hold each value, in order', () => {
    expect(parse(['--allowed-hosts', 'a', '--allowed-hosts=b,c']).values['allowed-hosts']).toEqual(['a', 'b,c']);
  });

  it('that are given again count as given first', () => {
    expect(parse(['--upstream', 'a', '--upstream', 'b']).values.upstream).toBe('a');
    expect(parse(['--max-sessions=7', '--max-sessions=many']).values['max-sessions']).toBe(7);
  });

  it('that are another way to write an option are that option', () => {
    expect(parse(['--six']).values).toEqual({ ...DEFAULTS, family: '6' });
    expect(parse(['--family', 'any', '--six']).values).toEqual({ ...DEFAULTS, family: 'any' });
    expect(parse(['--six', '--family', 'any']).values).toEqual({ ...DEFAULTS, family: '6' });
  });

  it('that may be empty are there when they are', () => {
    expect(parse(['--resource=']).values.resource).toBe('');
    expect(parse(['--resource', '']).values.resource).toBe('');
  });

  it('that are arguments have no name here', () => {
    expect(refusal(['--path', 'a'])).toMatchObject({ message: "unknown option '--path'" });
    expect(parse(['a'], { env: { DRAWBRIDGE_PATH: 'b' } })).toMatchObject({
      values: { path: 'b' },
      positionals: ['a'],
    });
  });

  it.each([
    { text: '0.5', seconds: 0.5 },
    { text: '30', seconds: 30 },
    { text: '2147483', seconds: 2_147_483 },
  ])('that are seconds take $text', ({ text, seconds }) => {
    expect(parse(['--wait', text]).values.wait).toBe(seconds);
  });

  it.each([
    '0',
    '0.49',
    '-1',
    '1e3',
    '.5',
    '5.',
    '1,5',
    '30s',
    'Infinity',
    'NaN',
    '',
    '2147483.5',
  ])('that are seconds refuse %j', (text) => {
    expect(refusal([`--wait=${text}`])).toMatchObject({
      message: '--wait must be a number of seconds from 0.5 to 2147483',
      why: `${JSON.stringify(text)} is not`,
    });
  });

  it('are told with the place where they were given', () => {
    const env = { DRAWBRIDGE_UPSTREAM: 'http://a', DRAWBRIDGE_TOKEN_FILE: '/run/token' };
    const { origins } = parse(['--max-sessions', '7', '--six'], { env, files: { '/run/token': SECRET } });
    expect(Object.fromEntries(origins)).toEqual({
      'max-sessions': '--max-sessions',
      family: '--six',
      upstream: 'DRAWBRIDGE_UPSTREAM',
      token: 'DRAWBRIDGE_TOKEN_FILE',
    });
  });

  it('take a value that begins with dashes after an equals sign alone', () => {
    expect(parse(['--upstream=--demo']).values.upstream).toBe('--demo');
    expect(refusal(['--upstream', '--demo'])).toMatchObject({ message: '--upstream needs a value' });
  });

  it.each([
    { given: '--upstreem', nearest: '--upstream' },
    { given: '--max-session', nearest: '--max-sessions' },
    { given: '--allowed-host', nearest: '--allowed-hosts' },
    { given: '-help', nearest: '--help' },
  ])('that are unknown are answered with the nearest name: $given', ({ given, nearest }) => {
    expect(refusal([given])).toMatchObject({
      code: 'usage',
      exitCode: 2,
      message: `unknown option '${given}'`,
      hint: `Did you mean '${nearest}'?`,
    });
  });

  it('that are unknown and like no other are answered with the way to the help text', () => {
    expect(refusal(['--xyzzy-plugh']).hint).toBe('Run mcp-drawbridge --help.');
    expect(nearestName('--xyzzy-plugh', ['--upstream'])).toBeUndefined();
  });

  it.each([
    '0',
    '101',
    '-1',
    '1.5',
    '1e1',
    '0x10',
    ' 7',
    '7 ',
    '',
    'seven',
    '99999999999999999',
  ])('that are whole numbers refuse %j', (text) => {
    expect(refusal([`--max-sessions=${text}`])).toMatchObject({
      message: '--max-sessions must be a whole number from 1 to 100',
      why: `${JSON.stringify(text)} is not`,
    });
  });

  it.each([1, 100])('that are whole numbers take their bound %i', (bound) => {
    expect(parse(['--max-sessions', String(bound)]).values['max-sessions']).toBe(bound);
  });

  it('that are choices name what there is to choose from', () => {
    expect(refusal(['--family', '5'])).toMatchObject({
      message: '--family must be one of 4, 6, any',
      why: '"5" is not',
    });
  });

  it.each([
    { args: ['--demo=true'], message: '--demo takes no value' },
    { args: ['--upstream'], message: '--upstream needs a value' },
    { args: ['--upstream='], message: '--upstream must not be empty' },
  ])('are refused where their form is wrong: $args', ({ args, message }) => {
    expect(refusal(args)).toMatchObject({ code: 'usage', message });
  });
});

describe('options from the environment', () => {
  it('have the same kinds as those of the command line', () => {
    const env = {
      DRAWBRIDGE_UPSTREAM: 'http://a',
      DRAWBRIDGE_MAX_SESSIONS: '7',
      DRAWBRIDGE_FAMILY: 'any',
      DRAWBRIDGE_ALLOWED_HOSTS: 'a\n\n  b  \r\nc\n',
      DRAWBRIDGE_DEMO: '1',
    };
    expect(parse([], { env }).values).toEqual({
      upstream: 'http://a',
      'max-sessions': 7,
      family: 'any',
      'allowed-hosts': ['a', 'b', 'c'],
      demo: true,
    });
  });

  it('give way to the command line, and are preferred to the default', () => {
    const env = { DRAWBRIDGE_MAX_SESSIONS: '7', DRAWBRIDGE_ALLOWED_HOSTS: 'a', DRAWBRIDGE_FAMILY: 'any' };
    const { values } = parse(['--max-sessions', '8', '--allowed-hosts', 'b'], { env });
    expect(values).toEqual({ 'max-sessions': 8, 'allowed-hosts': ['b'], family: 'any' });
  });

  it('are not there where they are empty', () => {
    expect(parse([], { env: { DRAWBRIDGE_UPSTREAM: '', DRAWBRIDGE_FAMILY: '' } }).values).toEqual(DEFAULTS);
  });

  it.each([
    { text: '1', isOn: true },
    { text: 'true', isOn: true },
    { text: '0', isOn: false },
    { text: 'false', isOn: false },
  ])('that are flags are on or off: $text', ({ text, isOn }) => {
    expect(parse([], { env: { DRAWBRIDGE_DEMO: text } }).values.demo).toBe(isOn);
  });

  it('are blamed by their own names', () => {
    expect(refusal([], { env: { DRAWBRIDGE_DEMO: 'yes' } }).message).toBe('DRAWBRIDGE_DEMO must be 1 or 0');
    expect(refusal([], { env: { DRAWBRIDGE_MAX_SESSIONS: 'x' } }).message).toMatch(/^DRAWBRIDGE_MAX_SESSIONS must/);
    expect(refusal([], { env: { DRAWBRIDGE_FAMILY: 'x' } }).message).toMatch(/^DRAWBRIDGE_FAMILY must/);
  });

  it('exist for every option that is no question', () => {
    expect(parse([], { env: { DRAWBRIDGE_HELP: 'me' } }).values).toEqual(DEFAULTS);
    for (const option of [...BRIDGE_OPTIONS, ...GATEWAY_COMMAND_OPTIONS] as readonly Option[]) {
      expect(environmentName(option)).toMatch(/^DRAWBRIDGE_[A-Z0-9_]+$/);
      expect(option.hasNoTwin === true, option.name).toBe(
        ['help', 'version', 'yes', 'check-config'].includes(option.name),
      );
    }
  });
});

describe('secrets', () => {
  it('may stand in a file that the environment names', () => {
    const env = { DRAWBRIDGE_TOKEN_FILE: '/run/token', DRAWBRIDGE_HEADER_FILE: '/run/headers' };
    const files = { '/run/token': `${SECRET}\n`, '/run/headers': `A: ${SECRET}\nB: c\n` };
    const { values } = parse([], { env, files });
    expect(values).toEqual({ ...DEFAULTS, token: SECRET, header: [`A: ${SECRET}`, 'B: c'] });
  });

  it('are taken from the command line, then the variable, then the file', () => {
    const env = { DRAWBRIDGE_TOKEN: 'variable', DRAWBRIDGE_TOKEN_FILE: '/run/token' };
    expect(parse([], { env }).values.token).toBe('variable');
    expect(parse(['--token', 'argument'], { env }).values.token).toBe('argument');
  });

  it('in a file that cannot be read stop the start, naming file and variable', () => {
    expect(refusal([], { env: { DRAWBRIDGE_TOKEN_FILE: '/run/token' } })).toMatchObject({
      code: 'config',
      message: 'cannot read /run/token',
      why: 'ENOENT; it is named in DRAWBRIDGE_TOKEN_FILE',
    });
  });

  it('have no such file where an option of that name has it as its own twin', () => {
    const options = [
      { name: 'header', kind: 'list', isSecret: true, help: '' },
      { name: 'header-file', kind: 'list', help: '' },
    ] as const satisfies readonly Option[];
    const env = { DRAWBRIDGE_HEADER_FILE: '/run/headers' };
    const readFile = () => expect.unreachable('it is not read here');
    expect(parseOptions(options, { args: [], env, readFile }).values).toEqual({ 'header-file': ['/run/headers'] });
  });

  it('alone have a file: what is none is not read from one', () => {
    expect(parse([], { env: { DRAWBRIDGE_UPSTREAM_FILE: '/run/upstream' } }).values).toEqual(DEFAULTS);
  });

  it.each([
    { args: ['--pin', SECRET] },
    { args: [`--pin=${SECRET}`] },
    { args: [`--tokn=${SECRET}`] },
    { args: [`--demo=${SECRET}`] },
    { args: [], env: { DRAWBRIDGE_PIN: SECRET } },
    { args: [], env: { DRAWBRIDGE_PIN_FILE: '/run/pin' }, files: { '/run/pin': SECRET } },
  ])('are never quoted: $args $env', ({ args, ...given }) => {
    const { message, why, hint } = refusal(args, given);
    expect(`${message} ${why} ${hint}`).not.toContain(SECRET);
  });
});

it('names of options are camel-case in code and in files', () => {
  expect(propertyName(TABLE[1])).toBe('maxSessions');
  expect(propertyName(TABLE[0])).toBe('upstream');
});
