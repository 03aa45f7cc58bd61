/** What single operations make of dtypes, empty tensors, and dimensions in and out of range, against PyTorch 2.15. */
import { describe, expect, test } from 'vitest';
import { loadCalls, problemOf, type Call } from '../support/semantics.ts';

const WHOLE = /^[iu][148]\[/;
const isWhole = (value: unknown): boolean => typeof value === 'string' && WHOLE.test(value);

/** Where this library takes less than PyTorch, or more: each must be so, and nothing else. */
const DIFFERENT: readonly { readonly why: string; readonly calls: number; readonly is: (call: Call) => boolean }[] = [
  {
    why: 'convolutions and pooling take floating-point tensors only',
    calls: 7,
    is: ([op, [x], results]) => ['conv2d', 'maxPool2d', 'avgPool2d'].includes(op) && isWhole(x) && results !== 'error',
  },
  {
    why: 'pooling to means takes images with a height and a width only; PyTorch takes the mean of anything for size 1',
    calls: 4,
    is: ([op, [x], results]) =>
      op === 'adaptiveAvgPool2d' && results !== 'error' && /^f4\[(2,2|1,1,1,2,2|2,3,0,4|0,3,0,0)\]/.test(String(x)),
  },
  {
    why: 'PyTorch forgets to change the shape of an empty tensor',
    calls: 1,
    is: ([op, [x]]) => op === 'pixelUnshuffle' && String(x).startsWith('f4[0,1,2,2]'),
  },
];

describe('against PyTorch', () => {
  const calls = ['dtypes', 'empty', 'views', 'creation'].flatMap((family) => loadCalls(family).map((call) => ({ family, call })));
  const known = (call: Call): boolean => DIFFERENT.some(({ is }) => is(call));

  test.each(['eager', 'compiled'] as const)('%s', (how) => {
    const problems = calls.flatMap(({ family, call }) => {
      const problem = known(call) ? undefined : problemOf(call, how);
      return problem === undefined ? [] : [`${family} ${JSON.stringify(call.slice(0, 2))}: ${problem}`];
    });
    if (problems.length > 0) throw new Error(`${problems.length} of ${calls.length} calls:\n  ${problems.join('\n  ')}`);
  });

  test.each(DIFFERENT)('differs: $why', ({ calls: count, is }) => {
    const chosen = calls.filter(({ call }) => is(call));
    expect(chosen.length).toBe(count);
    for (const { call } of chosen) expect(problemOf(call, 'eager'), JSON.stringify(call)).toBeDefined();
  });
});
