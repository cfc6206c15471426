import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchToolNames } from '../../src/tools/tool-names.ts';
import { cheapestOf } from '../parts/cpu-time.ts';

const isIgnored = (glob: string, name: string): boolean => !matchToolNames({ ignore: [glob] })(name);

/** The definition, tried out at every place. */
function matchesNaively(glob: string, name: string): boolean {
  if (glob === '') return name === '';
  if (glob[0] !== '*') return glob[0] === name[0] && matchesNaively(glob.slice(1), name.slice(1));
  for (let from = 0; from <= name.length; from++) if (matchesNaively(glob.slice(1), name.slice(from))) return true;
  return false;
}

describe('a glob of tool names', () => {
  it.each([
    ['delete', 'delete', true],
    ['delete', 'DELETE', true],
    ['Del*', 'delete_row', true],
    ['delete', 'delete_row', false],
    ['*row', 'delete_row', true],
    ['*', '', true],
    ['**', 'x', true],
    ['a*a', 'a', false],
    ['a*b*c', 'axbxxc', true],
    ['a*b*c', 'acb', false],
    ['a.c', 'abc', false],
    ['[ab]', 'a', false],
    ['a?', 'ab', false],
    ['É*', 'été', true],
    ['', 'x', false],
  ])('%j and the name %j: %s', (glob, name, expected) => {
    expect(isIgnored(glob, name)).toBe(expected);
  });

  it('means what its definition says', () => {
    const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
    const name = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
    fc.assert(
      fc.property(glob, name, (pattern, text) => {
        expect(isIgnored(pattern, text)).toBe(matchesNaively(pattern, text));
      }),
      { numRuns: 3000 },
    );
  });

  it('is matched at once, whatever was made to keep a matcher busy', () => {
    const cost = cheapestOf(3, () => {
      expect(isIgnored(`${'a*'.repeat(1000)}b`, 'a'.repeat(100_000))).toBe(false);
      expect(isIgnored(`*${'a*'.repeat(1000)}c*b`, `${'a'.repeat(100_000)}b`)).toBe(false);
    });
    expect(cost).toBeLessThan(500);
  });
});

describe('the tools that are available', () => {
  const names = ['read_row', 'delete_row', 'drop'];
  it.each([
    [{}, ['read_row', 'delete_row', 'drop']],
    [{ ignore: [] }, ['read_row', 'delete_row', 'drop']],
    [{ ignore: ['drop', 'del*'] }, ['read_row']],
    [{ allow: ['*_row'] }, ['read_row', 'delete_row']],
    [{ allow: ['*_row'], ignore: ['delete*'] }, ['read_row']],
    [{ allow: [] }, []],
  ])('with %j are %j', (options, expected) => {
    expect(names.filter(matchToolNames(options))).toEqual(expected);
  });
});
