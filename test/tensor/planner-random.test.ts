/**
 * Random programs, compiled and eager: views, operations in place, broadcasting, several dtypes, gradients. The bits agree, also where
 * memory is limited.
 */
import { compile, F, manualSeed, noGrad, randn, where, type Tensor } from 'flambeau';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const bits = (x: Tensor): unknown => x.detach().toTypedArray();

type Step = (pool: readonly Tensor[], pick: (n: number) => Tensor, k: number) => Tensor;

const numbers = [0.5, -2, 3];
const number = (k: number): number => numbers[k % numbers.length]!;

/** Each makes a float tensor of shape [4, 6] from such ones. */
const STEPS: readonly Step[] = [
  (_, x) => x(0).add(x(1)),
  (_, x) => x(0).mul(x(1)),
  (_, x) => x(0).sub(x(1)).abs(),
  (_, x) => F.relu(x(0)),
  (_, x) => x(0).sigmoid().add(x(1).tanh()),
  (_, x, k) => x(0).mul(number(k)).add(1),
  (_, x, k) => x(0).add(x(1), { alpha: number(k) }),
  (_, x, k) =>
    x(0).div(
      x(1)
        .abs()
        .add(Math.abs(number(k))),
    ),
  (_, x) => where(x(0).gt(x(1)), x(0), x(2).neg()),
  (_, x) => where(x(0).lt(0).logicalOr(x(1).isnan()), x(1), 0.25),
  (_, x) => x(0).add(x(1).at(1)), // broadcast row
  (_, x) => x(0).mul(x(1).at(':', '2:3')), // broadcast column
  (_, x) => x(0).sub(x(1).mean()),
  (_, x) => x(0).view([6, 4]).t().mul(x(1)),
  (_, x) => x(0).view([24]).square().view([4, 6]).add(x(1)),
  (_, x) => x(0).softmax(1),
  (_, x) => x(0).sum(1, { keepdim: true }).mul(x(1)),
  (_, x) => x(0).clamp({ min: -1, max: 1 }).exp(),
  (_, x) => x(0).sin().mul(x(1)),
  (_, x) => x(0).gt(0).to('int32').mul(3).to('float32').add(x(1)),
  (_, x) => x(0).to('float64').mul(1.1).add(x(1)).to('float32'),
  (_, x) => x(0).clone(),
];

const IN_PLACE: readonly Step[] = [
  (_, x) => x(0).mul_(x(1)),
  (_, x) => x(0).add_(x(1).at(2)),
  (_, x, k) => {
    x(0).at('1:3').add_(number(k));
    return x(0);
  },
  (_, x) => {
    x(0).t().mul_(x(1).t());
    return x(0);
  },
  (_, x) => {
    x(0).at(0).copy_(x(1).at(3));
    return x(0);
  },
  (_, x) => x(0).sub_(0.5).add_(x(0)),
];

/** Whether a program is run with limited memory, too: each third, since it takes as long again. */
const everyThird = (): (() => boolean) => {
  let count = 0;
  return () => process.env['FLAMBEAU_SLOW'] === '1' || count++ % 3 === 0;
};

interface Instruction {
  readonly op: number;
  readonly picks: readonly [number, number, number];
  readonly k: number;
}

const program = (ops: number): fc.Arbitrary<Instruction[]> =>
  fc.array(
    fc.record({
      op: fc.nat(ops - 1),
      picks: fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99)),
      k: fc.nat(9),
    }),
    { minLength: 2, maxLength: 14 },
  );

function run(instructions: readonly Instruction[], steps: readonly Step[], pool: Tensor[]): Tensor[] {
  for (const { op, picks, k } of instructions) {
    const pick = (n: number): Tensor => pool[pool.length - 1 - (picks[n]! % Math.min(pool.length, 4))]!;
    pool.push(steps[op]!(pool, pick, k));
  }
  return pool;
}

test('without gradients, operations in place included', () => {
  const steps = [...STEPS, ...IN_PLACE];
  const alsoLimited = everyThird();
  let madeAgain = 0;
  fc.assert(
    fc.property(program(steps.length), fc.nat(3), (instructions, wanted) => {
      manualSeed(7);
      const [x, state, start] = [randn(4, 6), randn(4, 6), randn(4, 6)];
      const fn = (input: Tensor): Tensor[] =>
        noGrad(() => {
          const pool = run(instructions, steps, [state, input.mul(1), input.add(0.5)]);
          return pool.slice(-1 - wanted).filter((t) => t !== state);
        });
      state.copy_(start);
      const expected: unknown[] = [];
      for (let i = 0; i < 3; i++) expected.push(...fn(x).map(bits), bits(state));
      state.copy_(start);
      const step = compile(fn);
      const got: unknown[] = [];
      for (let i = 0; i < 3; i++) got.push(...step(x).map(bits), bits(state));
      expect(got).toEqual(expected);
      if (!alsoLimited()) return;
      state.copy_(start);
      const small = compile(fn, { memoryLimit: 1 });
      const again: unknown[] = [];
      for (let i = 0; i < 3; i++) again.push(...small(x).map(bits), bits(state));
      expect(again).toEqual(expected);
      if (String(small).includes('made again')) madeAgain++;
    }),
    { numRuns: 150, seed: 11 },
  );
  expect(madeAgain).toBeGreaterThan(5);
});

test('with gradients', () => {
  const alsoLimited = everyThird();
  let madeAgain = 0;
  fc.assert(
    fc.property(program(STEPS.length), (instructions) => {
      manualSeed(8);
      const [x, w] = [randn(4, 6), randn(4, 6).requiresGrad_()];
      const fn = (input: Tensor): Tensor[] => {
        w.grad = null;
        const pool = run(instructions, STEPS, [w.mul(input), input, w]);
        const last = pool.at(-1)!;
        last.add(w).sum().backward();
        return [last, w.grad!];
      };
      const expected = fn(x).map(bits);
      const step = compile(fn);
      for (let i = 0; i < 2; i++) expect(step(x).map(bits)).toEqual(expected);
      if (!alsoLimited()) return;
      const small = compile(fn, { memoryLimit: 1 });
      for (let i = 0; i < 2; i++) expect(small(x).map(bits)).toEqual(expected);
      if (String(small).includes('made again')) madeAgain++;
    }),
    { numRuns: 100, seed: 12 },
  );
  expect(madeAgain).toBeGreaterThan(5);
});
