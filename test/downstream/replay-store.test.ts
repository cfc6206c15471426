import { describe, expect, it } from 'vitest';
import { type KeepingStream, ReplayBudget, ReplayStore, withOwnBytes } from '../../src/downstream/replay-store.ts';
import { messageOf } from '../parts/memory-transport.ts';

/** Keeps events of these sizes; what was dropped is told. */
class Sizes implements KeepingStream {
  readonly kept: number[] = [];

  keep(store: ReplayStore, bytes: number): void {
    this.kept.push(bytes);
    store.add(this, bytes);
  }

  dropOldest(): number {
    return this.kept.shift() ?? 0;
  }
}

describe('what a session keeps for clients that come back', () => {
  it('is bounded: the stream that was silent longest gives way first, its oldest event first', () => {
    const store = new ReplayStore(new ReplayBudget(1000), 100);
    const [old, fresh] = [new Sizes(), new Sizes()];
    old.keep(store, 40);
    old.keep(store, 20);
    fresh.keep(store, 30);
    expect([old.kept, fresh.kept, store.bytes]).toEqual([[40, 20], [30], 90]);
    fresh.keep(store, 30);
    expect([old.kept, fresh.kept, store.bytes]).toEqual([[20], [30, 30], 80]);
    fresh.keep(store, 60);
    expect([old.kept, fresh.kept]).toEqual([[], [30, 60]]);
  });

  it('is nothing where one event is larger than the bound', () => {
    const store = new ReplayStore(new ReplayBudget(1000), 100);
    const stream = new Sizes();
    stream.keep(store, 101);
    expect([stream.kept, store.bytes]).toEqual([[], 0]);
  });

  it('counts for the gateway as a whole, whose session that was silent longest gives way', () => {
    const budget = new ReplayBudget(100);
    const [quiet, busy] = [new ReplayStore(budget, 100), new ReplayStore(budget, 100)];
    const [one, other] = [new Sizes(), new Sizes()];
    one.keep(quiet, 60);
    other.keep(busy, 60);
    expect([one.kept, other.kept, budget.bytes]).toEqual([[], [60], 60]);
  });

  it('is given back with its stream', () => {
    const budget = new ReplayBudget(100);
    const store = new ReplayStore(budget, 100);
    const stream = new Sizes();
    for (const bytes of [10, 20, 30]) stream.keep(store, bytes);
    store.forget(stream);
    expect([stream.kept, store.bytes, budget.bytes]).toEqual([[], 0, 0]);
  });
});

describe('a message that is kept', () => {
  it('does not hold the larger block of memory that it was read into', () => {
    const block = Buffer.alloc(100_000, ' ');
    block.write('{"id":1,"result":1}', 100);
    const bytes = block.subarray(100, 119);
    const kept = withOwnBytes({ ...messageOf('{}'), bytes });
    expect(kept.bytes.toString()).toBe('{"id":1,"result":1}');
    expect(kept.bytes.buffer).not.toBe(block.buffer);
    const own = messageOf(`{"id":1,"result":"${'x'.repeat(10_000)}"}`);
    expect(withOwnBytes(own)).toBe(own);
  });
});
