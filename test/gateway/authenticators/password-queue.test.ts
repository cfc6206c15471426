import { afterEach, expect, it } from 'vitest';
import { BcryptThread } from '../../../src/gateway/authenticators/bcrypt-thread.ts';
import type { PasswordHash } from '../../../src/gateway/authenticators/htpasswd.ts';
import { PasswordQueue } from '../../../src/gateway/authenticators/password-queue.ts';
import { within } from '../../parts/deadline.ts';
import { apr1Hash, bcryptHash, shaHash } from '../../parts/htpasswd.ts';

const closes: (() => void)[] = [];
afterEach(() => {
  for (const close of closes.splice(0)) close();
});

function make(options: ConstructorParameters<typeof PasswordQueue>[0] = {}): PasswordQueue {
  const queue = new PasswordQueue(options);
  closes.push(() => queue.close());
  return queue;
}

const BCRYPT: PasswordHash = { user: 'carol', kind: 'bcrypt', text: bcryptHash('right', 6) };

it('verifies each kind', async () => {
  const queue = make();
  const hashes: PasswordHash[] = [
    BCRYPT,
    { user: 'carol', kind: 'apr1', text: apr1Hash('right') },
    { user: 'carol', kind: 'sha', text: shaHash('right') },
    { user: 'carol', kind: 'plain', text: 'right' },
  ];
  for (const hash of hashes) {
    expect(await queue.verify('right', hash, 'a'), hash.kind).toBe(true);
    for (const wrong of ['', 'Right', 'right ', 'righ', hash.text === 'right' ? 'x' : hash.text]) {
      expect(await queue.verify(wrong, hash, 'a'), hash.kind).toBe(false);
    }
  }
});

it('has no more room for one address than it may, and still has for another', async () => {
  const queue = make({ maxPerAddress: 3 });
  const running = [1, 2, 3].map(() => queue.verify('x', BCRYPT, 'a'));
  expect(queue.isFull('a')).toBe(true);
  expect(queue.isFull('b')).toBe(false);
  expect(await queue.verify('right', BCRYPT, 'b')).toBe(true);
  expect(await Promise.all(running)).toEqual([false, false, false]);
  expect(queue.isFull('a')).toBe(false);
});

it('has no more room in all than it may', async () => {
  const queue = make({ threads: 1, maxWaiting: 2 });
  const running = ['a', 'b', 'c'].map((address) => queue.verify('x', BCRYPT, address));
  expect(queue.isFull('d')).toBe(true);
  await Promise.all(running);
  expect(queue.isFull('d')).toBe(false);
});

it('rejects what it has not verified when it is closed, and takes nothing more', async () => {
  const queue = make({ threads: 1 });
  const outcomes = Promise.allSettled([1, 2, 3].map(() => queue.verify('right', BCRYPT, 'a')));
  queue.close();
  queue.close();
  const settled = await within(5000, 'all are settled', outcomes);
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  await expect(queue.verify('right', BCRYPT, 'a')).rejects.toMatchObject({ code: 'shutting_down' });
});

it('a thread that has crashed fails what it was doing, and another takes its place', async () => {
  const thread = new BcryptThread();
  closes.push(() => thread.close());
  await expect(thread.verify('right', undefined as unknown as string)).rejects.toMatchObject({ code: 'internal' });
  expect(await within(5000, 'the next verification', thread.verify('right', BCRYPT.text))).toBe(true);
});
