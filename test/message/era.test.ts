import { describe, expect, it } from 'vitest';
import { claimedVersionOf, isModernVersion } from '../../src/message/era.ts';
import { readMessage } from '../../src/message/message.ts';

describe('a version', () => {
  it.each(['2026-07-28', '2026-11-01', '2099-12-31'])('%s is modern', (version) => {
    expect(isModernVersion(version)).toBe(true);
  });
  it.each([
    '2026-07-27',
    '2025-11-25',
    '2024-11-05',
    '',
    'zzzz',
    '2026-07-28, 2026-07-28',
    ' 2026-07-28',
    '9',
    undefined,
  ])('%s is not', (version) => {
    expect(isModernVersion(version)).toBe(false);
  });
});

describe('the version that a message claims', () => {
  const KEY = 'io.modelcontextprotocol/protocolVersion';
  it.each([
    [`{"id":1,"method":"a","params":{"_meta":{"x":1,"${KEY}":"2026-07-28"}}}`, '2026-07-28'],
    [`{"id":1,"method":"a","params":{"_meta":{"${KEY}":20260728}}}`, undefined],
    [`{"id":1,"method":"a","params":{"_meta":{"${KEY}":"a","${KEY}":"b"}}}`, undefined],
    [`{"id":1,"method":"a","params":{"_meta":[]}}`, undefined],
    [`{"id":1,"method":"a","params":[{"_meta":{"${KEY}":"2026-07-28"}}]}`, undefined],
    [`{"id":1,"method":"a","_meta":{"${KEY}":"2026-07-28"}}`, undefined],
    ['{"id":1,"method":"a"}', undefined],
  ])('of %s is %s', (text, version) => {
    expect(claimedVersionOf(readMessage(Buffer.from(text)))).toBe(version);
  });
});
