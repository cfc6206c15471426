import { expect, it } from 'vitest';
import { commandWarnings } from '../../src/cli/command-warnings.ts';
import { childEnvironment, secretsOfEnvironment } from '../../src/upstream/command/child-environment.ts';

const NONE = new Map<string, string>();

it.each([
  'postgresql://u:hunter22@localhost:5432/db',
  'postgres://localhost/db',
  'POSTGRESQL://u@LOCALHOST',
  'postgresql://u@127.0.0.1,localhost:5433/db',
  'postgresql:///db?host=localhost',
])('names the variable whose database is at localhost: %s', (DATABASE_URI) => {
  const [warning, ...others] = commandWarnings({ principalEnvironment: { alice: { DATABASE_URI } } }, NONE);
  expect(warning).toMatch(/^DATABASE_URI of alice names the host localhost.*write 127\.0\.0\.1$/);
  expect(others).toEqual([]);
});

it.each([
  'postgresql://localhost:p@127.0.0.1/localhost',
  'postgresql://u@localhost.example.com/db',
  'http://localhost/',
])('has nothing to say of %s', (DATABASE_URI) =>
  expect(commandWarnings({ environment: { DATABASE_URI } }, NONE)).toEqual([]));

it('says what everybody who lists processes can see', () => {
  expect(commandWarnings({ command: ['x', 'postgresql://u:hunter22@127.0.0.1/d'] }, NONE).join()).toMatch(
    /seen by everybody/,
  );
  expect(commandWarnings({}, new Map([['command-env', '--command-env']])).join()).toMatch(/COMMAND_ENV_FILE/);
});

it('gives a command the short list of its parent’s variables, and what is configured', () => {
  const parent = { Path: 'p', HOME: 'h', LC_ALL: 'C', DATABASE_URI: 'd', AWS_SECRET: 's', SHELL: '() { :; }' };
  expect(childEnvironment(parent, { HOME: 'own', X: 'y' })).toEqual({
    Path: 'p',
    HOME: 'own',
    LC_ALL: 'C',
    DATABASE_URI: 'd',
    X: 'y',
  });
});

it('takes every configured value for a secret, and the password in a URL as it is written and as it is meant', () => {
  expect(secretsOfEnvironment({ PATH: '/bin', TOKEN: 'abcdef', U: 'postgresql://u:p%40ss@h/d' })).toEqual([
    'postgresql://u:p%40ss@h/d',
    'abcdef',
    'p%40ss',
    'p@ss',
  ]);
});
