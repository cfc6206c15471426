import { describe, expect, it } from 'vitest';
import { OpenSet } from '../../../src/gateway/limits/open-set.ts';

describe('what is open', () => {
  it('is there until it is taken out, whatever the order', () => {
    const open = new OpenSet<string>();
    const [removeA, removeB, removeC] = [open.add('a'), open.add('b'), open.add('c')];
    expect(open.size).toBe(3);
    removeA();
    expect(open.values().sort()).toEqual(['b', 'c']);
    removeC();
    expect(open.values()).toEqual(['b']);
    removeB();
    expect(open.size).toBe(0);
  });

  it('is taken out once: a second time takes nothing else with it', () => {
    const open = new OpenSet<string>();
    const removeA = open.add('a');
    open.add('b');
    removeA();
    removeA();
    expect(open.values()).toEqual(['b']);
    open.add('c');
    removeA();
    expect(open.values().sort()).toEqual(['b', 'c']);
  });

  it('may be the same thing twice', () => {
    const open = new OpenSet<string>();
    const removeFirst = open.add('a');
    const removeSecond = open.add('a');
    removeSecond();
    expect(open.size).toBe(1);
    removeFirst();
    expect(open.size).toBe(0);
  });
});
