import { describe, expect, it } from 'vitest';
import { PendingRequests } from '../../src/relay/pending-requests.ts';
import { messageOf, request } from '../parts/memory-transport.ts';

const table = (...ids: string[]): PendingRequests => {
  const requests = new PendingRequests(3);
  for (const id of ids) expect(requests.add(messageOf(request(id)))).toBe('added');
  return requests;
};

describe('the table of pending requests', () => {
  it('gives each request once', () => {
    const requests = table('1', '2');
    expect(requests.settle('1')).toBe(true);
    expect(requests.settle('1')).toBe(false);
    expect(requests.settle('3')).toBe(false);
    expect(requests.settle(undefined)).toBe(false);
    expect(requests.size).toBe(1);
  });

  it('keeps the number 1 and the string "1" apart', () => {
    const requests = table('1', '"1"');
    expect(requests.settle('"1"')).toBe(true);
    expect(requests.has('1')).toBe(true);
    expect(requests.has('"1"')).toBe(false);
    expect(requests.has(undefined)).toBe(false);
  });

  it('keeps ids beyond 2^53 apart', () => {
    const requests = table('9007199254740993', '9007199254740992');
    expect(requests.size).toBe(2);
  });

  it('takes two spellings of one id for one', () => {
    const requests = table('1e2', '"\\u0061"');
    expect(requests.add(messageOf(request('100')))).toBe('duplicate');
    expect(requests.add(messageOf(request('"a"')))).toBe('duplicate');
    expect(requests.settle('100')).toBe(true);
  });

  it('is full at its limit, and has room again when one is answered', () => {
    const requests = table('1', '2', '3');
    expect(requests.add(messageOf(request('4')))).toBe('full');
    expect(requests.add(messageOf(request('3')))).toBe('duplicate');
    requests.settle('2');
    expect(requests.add(messageOf(request('4')))).toBe('added');
  });

  it('lets a cancelled request make room, but only when room is needed', () => {
    const requests = table('1', '2');
    requests.cancel('2');
    requests.cancel('99');
    expect(requests.add(messageOf(request('3')))).toBe('added');
    expect(requests.has('2')).toBe(true);
    expect(requests.add(messageOf(request('4')))).toBe('added');
    expect(requests.has('2')).toBe(false);
    expect(requests.add(messageOf(request('5')))).toBe('full');
  });

  it('names the only request where there is just one', () => {
    const requests = table();
    expect(requests.only).toBeUndefined();
    requests.add(messageOf(request('1e2')));
    expect(requests.only).toBe('1e2');
    requests.add(messageOf(request('2')));
    expect(requests.only).toBeUndefined();
  });

  it('gives all ids as they were written, oldest first, and is empty then', () => {
    const requests = table('9007199254740993', '"\\u0061"', '1e2');
    expect(requests.drain()).toEqual(['9007199254740993', '"\\u0061"', '1e2']);
    expect(requests.size).toBe(0);
    expect(requests.drain()).toEqual([]);
  });

  it('does not take in what waits for no answer', () => {
    const requests = table();
    expect(requests.add(messageOf('{"method":"notifications/x"}'))).toBe('added');
    expect(requests.size).toBe(0);
  });
});
