import { describe, expect, it } from 'vitest';
import type { Option } from '../../src/config/option.ts';
import { parseOptions } from '../../src/config/parse-options.ts';
import { DrawbridgeError } from '../../src/errors.ts';

const SECRET = 'hunter2-hunter2';
const PATH = '/etc/bridge/config.json';
const TABLE = [
  { name: 'url', kind: 'text', value: 'url', isArgument: true, isSecret: true, help: '' },
  { name: 'max-sessions', kind: 'integer', min: 1, max: 100, default: 10, help: '' },
  { name: 'wait', kind: 'seconds', default: 3, help: '' },
  { name: 'family', kind: 'choice', choices: ['4', '6', 'any'], default: '4', help: '' },
  { name: 'six', kind: 'flag', means: { name: 'family', value: '6' }, help: '' },
  { name: 'header', kind: 'list', value: 'name:value', isSecret: true, separator: ':', help: '' },
  { name: 'ca', kind: 'list', value: 'file', isPath: true, help: '' },
  { name: 'client-key', kind: 'text', value: 'file', isPath: true, help: '' },
  { name: 'client-info', kind: 'text', value: 'json', isJson: true, isSecret: true, help: '' },
  { name: 'resource', kind: 'text', value: 'uri', mayBeEmpty: true, help: '' },
  { name: 'demo', kind: 'flag', help: '' },
  { name: 'config', kind: 'text', value: 'file', isConfigFile: true, help: '' },
  { name: 'help', kind: 'flag', hasNoTwin: true, help: '' },
] as const satisfies readonly Option[];

interface Given {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

function parseText(text: string, { args = [], env = {} }: Given = {}) {
  const readFile = (path: string): string => {
    if (path === PATH) return text;
    throw Object.assign(new Error(path), { code: 'ENOENT' });
  };
  return parseOptions(TABLE, { args: ['--config', PATH, ...args], env, readFile });
}

const parse = (content: unknown, given?: Given) => parseText(JSON.stringify(content), given);

function refusalOf(text: string, given?: Given): DrawbridgeError {
  try {
    parseText(text, given);
  } catch (thrown) {
    if (thrown instanceof DrawbridgeError) return thrown;
    throw thrown;
  }
  throw new Error('it was not refused');
}

const DEFAULTS = { 'max-sessions': 10, wait: 3, family: '4', config: PATH };

describe('a configuration file', () => {
  it('has options by their names in camel case or as on the command line', () => {
    const expected = { ...DEFAULTS, url: 'http://a', 'max-sessions': 7, wait: 0.5, family: 'any', demo: true };
    const common = { url: 'http://a', wait: 0.5, family: 'any', demo: true };
    expect(parse({ ...common, maxSessions: 7 }).values).toEqual(expected);
    expect(parse({ ...common, 'max-sessions': 7 }).values).toEqual(expected);
  });

  it.each([
    { header: ['X-Key: a', 'Y:b'] },
    { header: { 'X-Key': ' a', Y: 'b' } },
  ])('has lists of names and values as %j', (content) => {
    expect(parse(content).values.header).toEqual(['X-Key: a', 'Y:b']);
  });

  it('has JSON as it is, or as a text', () => {
    expect(parse({ clientInfo: { client_id: 'a' } }).values['client-info']).toBe('{"client_id":"a"}');
    expect(parse({ clientInfo: '{"client_id":"a"}' }).values['client-info']).toBe('{"client_id":"a"}');
  });

  it('has paths that start at its own folder, be it wherever the process was started', () => {
    const { values } = parse({ ca: ['a.pem', '../b.pem', '/c.pem', '~/d.pem'], clientKey: 'key.pem' });
    expect(values.ca).toEqual(['/etc/bridge/a.pem', '/etc/b.pem', '/c.pem', '~/d.pem']);
    expect(values['client-key']).toBe('/etc/bridge/key.pem');
    expect(parse({ clientInfo: '@info.json' }).values['client-info']).toBe('@/etc/bridge/info.json');
  });

  it('may name its schema, begin with a byte order mark, and have an empty text where one means something', () => {
    expect(parseText('\ufeff{"$schema":"x","resource":""}').values).toEqual({ ...DEFAULTS, resource: '' });
  });

  it('gives way to the command line and to the environment, and is preferred to defaults', () => {
    const content = { maxSessions: 1, wait: 1, family: 'any', header: ['file: 1'], demo: true };
    const given = {
      args: ['--max-sessions', '2', '--header', 'args: 1'],
      env: { DRAWBRIDGE_WAIT: '2', DRAWBRIDGE_MAX_SESSIONS: '3', DRAWBRIDGE_DEMO: '0' },
    };
    expect(parse(content, given).values).toEqual({
      ...DEFAULTS,
      'max-sessions': 2,
      wait: 2,
      family: 'any',
      header: ['args: 1'],
      demo: false,
    });
  });

  it('gives way where an option is written another way', () => {
    expect(parse({ six: true }).values.family).toBe('6');
    expect(parse({ six: true }, { args: ['--family', '4'] }).values.family).toBe('4');
    expect(parse({ family: 'any' }, { args: ['--six'] }).values.family).toBe('6');
    expect(parse({ six: true }, { env: { DRAWBRIDGE_FAMILY: 'any' } }).values.family).toBe('any');
  });

  it('is named by the environment too', () => {
    const env = { DRAWBRIDGE_CONFIG: PATH };
    const readFile = (): string => '{"wait":9}';
    expect(parseOptions(TABLE, { args: [], env, readFile }).values.wait).toBe(9);
  });

  it('is told as the place where its values were given', () => {
    expect(Object.fromEntries(parse({ 'max-sessions': 7, six: true }).origins)).toEqual({
      config: '--config',
      'max-sessions': `"max-sessions" in ${PATH}`,
      family: `"six" in ${PATH}`,
    });
  });
});

describe('a configuration file that cannot be meant', () => {
  it.each([
    { text: '{"hedaer":{}}', message: `unknown key "hedaer" in ${PATH}`, hint: 'Did you mean "header"?' },
    { text: '{"maxSession":1}', message: `unknown key "maxSession" in ${PATH}`, hint: 'Did you mean "maxSessions"?' },
    {
      text: '{"max-session":1}',
      message: `unknown key "max-session" in ${PATH}`,
      hint: 'Did you mean "max-sessions"?',
    },
    { text: '{"xyzzy-plugh":1}', message: `unknown key "xyzzy-plugh" in ${PATH}`, hint: /--help/ },
    { text: '{"help":true}', message: `unknown key "help" in ${PATH}`, hint: /./ },
    { text: `{"config":"${PATH}"}`, message: `unknown key "config" in ${PATH}`, hint: /./ },
    { text: '{"constructor":1}', message: `unknown key "constructor" in ${PATH}`, hint: /./ },
    { text: '{"__proto__":1}', message: `unknown key "__proto__" in ${PATH}`, hint: /./ },
    {
      text: '{"maxSessions":1,"max-sessions":2}',
      message: `"maxSessions" and "max-sessions" in ${PATH} are the same option`,
      hint: /one of the two/,
    },
  ])('is refused for its keys: $text', ({ text, message, hint }) => {
    const error = refusalOf(text);
    expect(error).toMatchObject({ code: 'config', exitCode: 2, message });
    expect(error.hint).toMatch(hint);
  });

  it.each([
    { text: '{"url":1}', must: '"url" in PATH must be a text', why: 'it is a number' },
    { text: '{"url":null}', must: '"url" in PATH must be a text', why: 'it is null' },
    { text: '{"url":""}', must: '"url" in PATH must not be empty', why: undefined },
    { text: '{"maxSessions":"7"}', must: '"maxSessions" in PATH must be a number', why: 'it is a text' },
    {
      text: '{"max-sessions":1.5}',
      must: '"max-sessions" in PATH must be a whole number from 1 to 100',
      why: '"1.5" is not',
    },
    {
      text: '{"wait":1e21}',
      must: '"wait" in PATH must be a number of seconds from 0 to 2147483',
      why: '"1e+21" is not',
    },
    { text: '{"family":true}', must: '"family" in PATH must be one of "4", "6", "any"', why: 'it is a boolean' },
    { text: '{"family":"5"}', must: '"family" in PATH must be one of 4, 6, any', why: '"5" is not' },
    { text: '{"demo":"yes"}', must: '"demo" in PATH must be true or false', why: 'it is a text' },
    {
      text: '{"header":"X: y"}',
      must: '"header" in PATH must be an object of texts or a list of texts',
      why: 'it is a text',
    },
    {
      text: '{"header":{"X":1}}',
      must: '"header" in PATH must be an object of texts or a list of texts',
      why: 'it is an object, of which "X" is a number',
    },
    {
      text: '{"ca":["a",false]}',
      must: '"ca" in PATH must be a list of texts',
      why: 'it is a list, of which number 2 is a boolean',
    },
    { text: '{"ca":{"a":"b"}}', must: '"ca" in PATH must be a list of texts', why: 'it is an object' },
    { text: '{"clientInfo":[]}', must: '"clientInfo" in PATH must be an object or a text', why: 'it is a list' },
  ])('is refused for its kinds: $text', ({ text, must, why }) => {
    expect(refusalOf(text)).toMatchObject({ exitCode: 2, message: must.replace('PATH', PATH), why });
  });

  it.each([
    { text: '', why: /^it is not JSON/ },
    { text: '{"url": "http://a",}', why: /^it is not JSON/ },
    { text: `{"header": ["X: ${SECRET}"`, why: /^it is not JSON/ },
    { text: `${SECRET}`, why: /^it is not JSON/ },
    { text: `["${SECRET}"]`, why: /^it is a list$/ },
    { text: `"${SECRET}"`, why: /^it is a text$/ },
    { text: 'null', why: /^it is null$/ },
  ])('is refused whole, and not quoted: $text', ({ text, why }) => {
    const error = refusalOf(text);
    expect(error.message).toContain(PATH);
    expect(error.why).toMatch(why);
    expect(`${error.message} ${error.why} ${error.hint}`).not.toContain(SECRET);
  });

  it('is refused though what is wrong in it was given elsewhere too', () => {
    expect(refusalOf('{"wait":"x"}', { args: ['--wait', '5'] }).message).toBe(`"wait" in ${PATH} must be a number`);
  });

  it('is refused where it cannot be read, with what names it', () => {
    const refuse = (args: readonly string[], env: Readonly<Record<string, string>>) => () =>
      parseOptions(TABLE, {
        args,
        env,
        readFile: () => {
          throw Object.assign(new Error('no'), { code: 'EACCES' });
        },
      });
    expect(refuse(['--config', 'x.json'], {})).toThrow(
      expect.objectContaining({
        message: 'cannot read the configuration file x.json',
        why: 'EACCES; it is named with --config',
      }),
    );
    expect(refuse([], { DRAWBRIDGE_CONFIG: 'y.json' })).toThrow(
      expect.objectContaining({ why: 'EACCES; it is named with DRAWBRIDGE_CONFIG' }),
    );
  });
});
