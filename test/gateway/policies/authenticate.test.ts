import { expect, it } from 'vitest';
import { parseRate } from '../../../src/gateway/limits/rate.ts';
import { type Authentication, type Authenticator, authenticate } from '../../../src/gateway/policies/authenticate.ts';
import { LoginBackoff } from '../../../src/gateway/policies/login-backoff.ts';
import type { Refusal } from '../../../src/gateway/refusal.ts';
import type { Principal } from '../../../src/gateway/request-context.ts';
import { silentLogger } from '../../../src/log.ts';
import { bareContext } from '../../parts/bare-context.ts';

function principal(id: string, more: Partial<Principal> = {}): Principal {
  return { id, method: 'key', scopes: [], isCurrent: () => true, ...more };
}

function says(
  answer: Authentication | Promise<Authentication>,
  more: Partial<Authenticator> = {},
): Authenticator & { readonly calls: () => number } {
  let calls = 0;
  return {
    challenges: [],
    authenticate: () => {
      calls++;
      return answer;
    },
    close: () => {},
    calls: () => calls,
    ...more,
  };
}

const TOKEN = { authorization: 'Bearer x' };

it('exactly one credential is let in, be it known at once or later', async () => {
  for (const answer of [principal('a'), Promise.resolve(principal('a'))]) {
    const context = bareContext(TOKEN);
    expect(await authenticate([says('absent'), says(answer)])(context)).toBeUndefined();
    expect(context.principal?.id).toBe('a');
  }
});

it.each<[string, readonly Authentication[]]>([
  ['nobody', []],
  ['absent', ['absent', 'absent']],
  ['wrong', ['absent', 'wrong']],
  ['two principals', [principal('a'), principal('b')]],
  ['the same principal twice', [principal('a'), principal('a')]],
  ['one right and one wrong', [principal('a'), 'wrong']],
])('%s is refused, and nobody is the principal', async (_what, answers) => {
  for (const wrap of [(one: Authentication) => one, (one: Authentication) => Promise.resolve(one)]) {
    const context = bareContext(TOKEN);
    const refusal = (await authenticate(answers.map((one) => says(wrap(one))))(context)) as Refusal;
    expect(refusal.error.code).toBe('unauthorized');
    expect(context.principal).toBeUndefined();
  }
});

it('a refusal offers every kind once, and none that another says more of', async () => {
  const challenges = [
    ['Bearer realm="x"'],
    ['Basic realm="x"'],
    ['Bearer realm="x", resource_metadata="u"'],
    ['Basic realm="x"'],
  ];
  const refusal = (await authenticate(challenges.map((one) => says('absent', { challenges: one })))(
    bareContext(),
  )) as Refusal;
  expect(refusal.headers).toEqual([
    'WWW-Authenticate',
    'Basic realm="x"',
    'WWW-Authenticate',
    'Bearer realm="x", resource_metadata="u"',
  ]);
});

it('missing scopes are 403 with the challenge of who misses them, and no guess', async () => {
  const backoff = new LoginBackoff({ rate: parseRate(1, 'x'), logger: silentLogger });
  const jwt = says(
    { missingScopes: ['db:read', 'db:write'] },
    { challenges: ['Bearer realm="x", resource_metadata="u"'] },
  );
  const refusal = (await authenticate(
    [says('absent', { challenges: ['Basic realm="x"'] }), jwt],
    backoff,
  )(bareContext(TOKEN))) as Refusal;
  expect(refusal.error).toMatchObject({ code: 'insufficient_scope', status: 403 });
  expect(refusal.headers).toEqual([
    'WWW-Authenticate',
    'Bearer realm="x", resource_metadata="u", error="insufficient_scope", scope="db:read db:write"',
  ]);
  expect(backoff.size).toBe(0);
});

it('an address that has to wait is 429 before anything is verified, and only with a credential', async () => {
  const backoff = new LoginBackoff({ rate: parseRate(1, 'x'), logger: silentLogger });
  const keys = says('wrong');
  const policy = authenticate([keys], backoff);
  expect(((await policy(bareContext(TOKEN))) as Refusal).error.code).toBe('unauthorized');
  const refusal = (await policy(bareContext(TOKEN))) as Refusal;
  expect(refusal.error).toMatchObject({ code: 'rate_limited', status: 429 });
  expect(refusal.headers).toEqual(['Retry-After', '60']);
  expect(keys.calls()).toBe(1);
  expect(((await policy(bareContext())) as Refusal).error.code).toBe('unauthorized');
  expect(((await policy(bareContext(TOKEN, { address: '192.0.2.2' }))) as Refusal).error.code).toBe('unauthorized');
});

it('two credentials are refused before anything is verified', async () => {
  const keys = says(principal('a'));
  const context = bareContext({ ...TOKEN, 'x-api-key': 'y' });
  expect(((await authenticate([keys])(context)) as Refusal).error.code).toBe('unauthorized');
  expect(keys.calls()).toBe(0);
});

it('who is too busy says so itself', async () => {
  const busy = { error: new (class extends Error {})() } as unknown as Refusal;
  expect(await authenticate([says({ busy })])(bareContext(TOKEN))).toBe(busy);
});

it('a failure inside an authenticator lets nobody in', async () => {
  const context = bareContext(TOKEN);
  await expect(authenticate([says(Promise.reject(new Error('x')))])(context)).rejects.toThrow('x');
  expect(context.principal).toBeUndefined();
});

const certificate = (answer: Authentication, isNeededBesides: boolean): ReturnType<typeof says> =>
  says(answer, { isNeededBesides });
const CERT = principal('mtls:c', { method: 'mtls', expiresAt: 500 });

it('a certificate that is one way among others is enough, and is one credential too many besides another', async () => {
  const policy = authenticate([says('absent'), certificate(CERT, false)]);
  const context = bareContext();
  expect(await policy(context)).toBeUndefined();
  expect(context.principal).toBe(CERT);
  expect(await policy(bareContext({ authorization: 'Negotiate x' }))).toMatchObject({
    error: { code: 'unauthorized' },
  });
  const both = authenticate([says(principal('a')), certificate(CERT, false)]);
  expect(await both(bareContext(TOKEN))).toMatchObject({ error: { code: 'unauthorized' } });
});

it('a certificate that every request needs does not let in by itself where there are other ways', async () => {
  const policy = authenticate([says('absent'), certificate(CERT, true)]);
  expect(await policy(bareContext())).toMatchObject({ error: { code: 'unauthorized' } });
});

it('without the certificate that every request needs, nothing else is verified', async () => {
  for (const answer of ['absent', 'wrong'] as const) {
    const keys = says(principal('a'));
    expect(await authenticate([keys, certificate(answer, true)])(bareContext(TOKEN))).toMatchObject({
      error: { code: 'unauthorized' },
    });
    expect(keys.calls()).toBe(0);
  }
});

it('with both, the other one is the principal, for as long as both are current', async () => {
  let isCurrent = true;
  const key = principal('a', { expiresAt: 900, scopes: ['s'] });
  const cert = { ...CERT, isCurrent: () => isCurrent };
  const context = bareContext(TOKEN);
  expect(await authenticate([certificate(cert, true), says(key)])(context)).toBeUndefined();
  expect(context.principal).toMatchObject({ id: 'a', method: 'key', scopes: ['s'], expiresAt: 500 });
  expect(context.principal?.isCurrent()).toBe(true);
  isCurrent = false;
  expect(context.principal?.isCurrent()).toBe(false);
});

it('a certificate that every request needs is the principal where there is no other way', async () => {
  const context = bareContext();
  expect(await authenticate([certificate(CERT, true)])(context)).toBeUndefined();
  expect(context.principal).toBe(CERT);
});
