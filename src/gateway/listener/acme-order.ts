import { setTimeout as delay } from 'node:timers/promises';
import { DrawbridgeError } from '../../errors.ts';
import { type AcmeRoute, acmeRoutes } from './acme-exchange.ts';
import type { AcmeOptions } from './acme-options.ts';
import { type AcmeStore, checkCertificate, type StoredCertificate } from './acme-store.ts';

type Library = typeof import('./acme-library.ts');
type Client = InstanceType<Library['Client']>;
type Order = Awaited<ReturnType<Client['createOrder']>>;
type Authorization = Awaited<ReturnType<Client['getAuthorizations']>>[number];

/** Of one attempt, whatever the authority does. */
const ATTEMPT_MS = 300_000;
const FIRST_POLL_MS = 250;
const MAX_POLL_MS = 5000;
/** base64url (RFC 8555 §8.3): it becomes part of a path that we answer. */
const TOKEN = /^[\w-]{1,256}$/;

/**
 * Orders one certificate for all the domains and proves that they are ours (RFC 8555 §7.4, §8.3). `answers` holds what
 * the authority will ask for, by token, for as long as it may ask. Rejects with `certificate_failed`, which names the
 * authority, the domain where it is one's fault, and the authority's own words.
 */
export async function orderCertificate(
  options: AcmeOptions,
  store: AcmeStore,
  answers: Map<string, string>,
  closed: AbortSignal,
): Promise<StoredCertificate> {
  const signal = AbortSignal.any([closed, AbortSignal.timeout(ATTEMPT_MS)]);
  const route: AcmeRoute = { ca: options.ca, family: options.family ?? '4', signal };
  const { Client, crypto } = await import('./acme-library.ts');
  try {
    return await acmeRoutes.run(route, async () => {
      let accountKey = await store.readAccountKey();
      if (accountKey === undefined) {
        accountKey = (await crypto.createPrivateEcdsaKey()).toString();
        await store.writeAccountKey(accountKey);
      }
      const client = new Client({ directoryUrl: options.directory.href, accountKey });
      await signUp(client, route, options.email);
      const identifiers = options.domains.map((value) => ({ type: 'dns', value }));
      const order = await client.createOrder({ identifiers });
      await prove(client, order, answers, signal);
      const [key, csr] = await crypto.createCsr(
        // Names live in the extension alone: the subject's field is too short for long ones.
        { altNames: [...options.domains] },
        await crypto.createPrivateEcdsaKey(),
      );
      const finalized = await client.finalizeOrder(order, csr);
      const done = await poll(signal, async () => {
        const now = finalized.status === 'valid' ? finalized : await client.getOrder({ ...finalized, url: order.url });
        if (now.status === 'invalid') throw new Error(detailOf(now.error) ?? 'the order has become invalid');
        return now.status === 'valid' ? now : undefined;
      });
      const cert = await client.getCertificate(done);
      return checkCertificate(cert, key.toString(), options.domains);
    });
  } catch (thrown) {
    throw nameFailure(thrown, options, route, closed);
  }
}

/** Finds the account of this key, or makes it; its contact becomes the one given. */
async function signUp(client: Client, route: AcmeRoute, email: string | undefined): Promise<void> {
  const contact = email === undefined ? undefined : [`mailto:${email}`];
  // Asked first, since acme-client follows up on an account that exists with an update that RFC 8555 does not know.
  const known = await client.createAccount({ onlyReturnExisting: true }).catch((thrown: unknown) => {
    if (route.refusal?.type === 'accountDoesNotExist') return undefined;
    throw thrown;
  });
  if (known === undefined) await client.createAccount({ termsOfServiceAgreed: true, ...(contact && { contact }) });
  else if (contact !== undefined && String(known.contact) !== String(contact)) await client.updateAccount({ contact });
}

async function prove(client: Client, order: Order, answers: Map<string, string>, signal: AbortSignal): Promise<void> {
  const tokens: string[] = [];
  try {
    for (const authorization of await client.getAuthorizations(order)) {
      if (authorization.status === 'valid') continue;
      const challenge = authorization.challenges.find(({ type }) => type === 'http-01');
      if (challenge === undefined) throw new DomainError(authorization, 'the authority does not offer http-01');
      if (!TOKEN.test(challenge.token)) throw new DomainError(authorization, 'the token of the challenge is malformed');
      answers.set(challenge.token, await client.getChallengeKeyAuthorization(challenge));
      tokens.push(challenge.token);
      await client.completeChallenge(challenge);
    }
    await poll(signal, async () => {
      const all = await client.getAuthorizations(order);
      for (const authorization of all) {
        if (authorization.status === 'valid' || authorization.status === 'pending') continue;
        const reason = authorization.challenges.map(({ error }) => detailOf(error)).find(Boolean);
        throw new DomainError(authorization, reason ?? `its authorization is ${authorization.status}`);
      }
      return all.every(({ status }) => status === 'valid') || undefined;
    });
  } finally {
    for (const token of tokens) answers.delete(token);
  }
}

/** Asks again, with growing pauses, until there is an answer; the signal ends it. */
async function poll<T>(signal: AbortSignal, ask: () => Promise<T | undefined>): Promise<T> {
  for (let pauseMs = FIRST_POLL_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_POLL_MS)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await delay(pauseMs, undefined, { signal, ref: false });
  }
}

/** What an authority said about one of the domains. */
class DomainError extends Error {
  constructor({ identifier }: Authorization, detail: string) {
    super(`${identifier.value}: ${detail}`);
  }
}

/** The words of a problem document (RFC 9457). */
function detailOf(problem: unknown): string | undefined {
  const { detail } = (problem ?? {}) as { detail?: unknown };
  return typeof detail === 'string' ? detail : undefined;
}

function nameFailure(thrown: unknown, options: AcmeOptions, route: AcmeRoute, closed: AbortSignal): DrawbridgeError {
  const { refusal } = route;
  const isLate = route.signal.aborted && !closed.aborted;
  if (thrown instanceof DrawbridgeError && !isLate) return thrown;
  const said = thrown instanceof Error && thrown.message !== '' ? thrown.message : undefined;
  const why = isLate ? `it was not done within ${ATTEMPT_MS / 1000} s` : (said ?? `HTTP ${refusal?.status ?? '?'}`);
  const refused = refusal?.type === undefined ? '' : ` (${refusal.type})`;
  const message = `${options.directory.host} gave no certificate for ${options.domains.join(', ')}`;
  return new DrawbridgeError('certificate_failed', message, {
    why: why + refused,
    // The table's own asks whether the authority reaches us.
    ...(thrown instanceof DomainError
      ? {}
      : { hint: 'Correct what the authority names; it is asked again by itself.' }),
    ...(refusal?.retryAfterMs === undefined ? {} : { retryAfterMs: refusal.retryAfterMs }),
    cause: thrown,
  });
}
