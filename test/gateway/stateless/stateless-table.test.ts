import { expect, it } from 'vitest';
import { type StatelessRequest, StatelessTable } from '../../../src/gateway/stateless/stateless-table.ts';

const request = (id: string, isSubscription = false): StatelessRequest =>
  ({ principal: { id }, isSubscription }) as unknown as StatelessRequest;

it('counts what waits for an answer for each principal, and each once', () => {
  const table = new StatelessTable();
  const forget = table.add(request('alice'));
  table.add(request('alice'));
  table.add(request('alice', true));
  table.add(request('bob'));
  expect([table.size, table.countPending('alice'), table.countPending('bob')]).toEqual([4, 2, 1]);
  forget();
  forget();
  expect([table.size, table.countPending('alice'), table.countPending('bob')]).toEqual([3, 1, 1]);
});

it('has room for 1024 requests of a principal, subscriptions among them', () => {
  const table = new StatelessTable();
  const forget = Array.from({ length: 1024 }, (_, index) => table.add(request('alice', index % 2 === 0)));
  expect(() => table.checkRoom('alice')).toThrow('1024 requests of this principal are still open');
  expect(() => table.checkRoom('bob')).not.toThrow();
  forget[0]?.();
  expect(() => table.checkRoom('alice')).not.toThrow();
});
