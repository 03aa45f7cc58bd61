import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { DType } from '../../src/base/dtype.ts';
import { layoutOf } from '../../src/base/layout.ts';
import {
  classLossParams,
  nllGradParams,
  pairLossParams,
  type ClassLossParams,
  type PairLossKind,
  type Reduction,
} from '../../src/geometry/loss.ts';
import { lossRules } from '../../src/tensor/ops/loss.ts';
import {
  decode,
  draw,
  drawClasses,
  expectClose,
  expectSame,
  host,
  numbers,
  restride,
  runOp,
  typed,
  type Stored,
} from '../support/op-case.ts';
import { device, type HostTensor } from '../support/run-kernel.ts';

interface Case {
  readonly op: 'crossEntropy' | 'nllLoss' | 'pair';
  readonly kind?: PairLossKind;
  readonly beta?: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly args: { weighted: boolean; ignoreIndex: number; reduction: Reduction; labelSmoothing?: number };
  readonly outputs: readonly Stored[];
}

const cases = JSON.parse(readFileSync(new URL('../fixtures/kernels/loss.json', import.meta.url), 'utf8')) as Case[];
const of = (op: Case['op']) =>
  cases.filter((c) => c.op === op).map((c) => [`${c.kind ?? ''} ${c.dtype} ${c.shape.join('x')} ${JSON.stringify(c.args)}`, c] as const);

const weights = (classes: number, dtype: DType): HostTensor => {
  const drawn = draw([classes], 3, dtype);
  return {
    ...drawn,
    data: typed(
      dtype,
      numbers(drawn).map((v) => Math.abs(v) + 0.25),
    ),
  };
};

const tolerance = (dtype: DType): [number, number] => (dtype === 'float64' ? [1e-12, 1e-13] : [2e-6, 1e-6]);

/** Loss and gradient of a class loss, the gradient of the loss drawn as in the fixtures unless given. */
function classLoss(
  op: 'crossEntropy' | 'nllLoss',
  x: HostTensor,
  target: HostTensor,
  weight: HostTensor[],
  p: ClassLossParams,
  g?: HostTensor,
): [HostTensor, HostTensor] {
  if (op === 'nllLoss') {
    const [loss, total] = runOp('nllLoss', [x, target, ...weight], p) as [HostTensor, HostTensor];
    const grad = g ?? draw(loss.shape, 4, x.dtype);
    return [loss, runOp('nllLossGrad', [grad, target, total, ...weight], nllGradParams(p, x.shape))[0]!];
  }
  const [loss, probabilities, total] = runOp('crossEntropy', [x, target, ...weight], p) as [HostTensor, HostTensor, HostTensor];
  const grad = g ?? draw(loss.shape, 4, x.dtype);
  return [loss, runOp('crossEntropyGrad', [grad, probabilities, target, total, ...weight], p)[0]!];
}

afterEach(() => {
  device.threads = 1;
});

describe.each(['crossEntropy', 'nllLoss'] as const)('%s', (op) => {
  it.each(of(op))('%s', (_, c) => {
    const { shape, dtype, args } = c;
    const classes = shape[shape.length === 1 ? 0 : 1]!;
    const target = drawClasses(shape.length === 1 ? [] : [shape[0]!, ...shape.slice(2)], 2, classes);
    const { weighted, ...options } = args;
    const params = classLossParams(op, { weight: weighted, ...options });
    const actual = classLoss(op, draw(shape, 1, dtype), target, weighted ? [weights(classes, dtype)] : [], params);
    c.outputs.map(decode).forEach((t, i) => expectClose(actual[i]!, t, ...tolerance(dtype)));
  });

  it.each([[[4, 3]], [[2, 3, 5]]])('refuses a target outside the classes, forward and backward: %j', (shape) => {
    const positions = shape[0]! * (shape[2] ?? 1);
    for (const bad of [3, -1, 2 ** 31, -(2 ** 40), 2 ** 52]) {
      const values = Array.from({ length: positions }, (_, i) => (i === 2 ? bad : i % 3));
      const target = host('int64', [shape[0]!, ...shape.slice(2)], values);
      const wrong = new RegExp(`${op}: target ${bad} is out of range: the input has 3 classes, so targets are 0 to 2`);
      for (const reduction of ['none', 'mean'] as const) {
        const params = classLossParams(op, { reduction });
        expect(() => runOp(op, [draw(shape, 1), target], params)).toThrow(wrong);
        const g = host('float32', reduction === 'none' ? target.shape : [], new Array<number>(positions).fill(1));
        const total = host('float32', [], [1]);
        const gradient = (): unknown =>
          op === 'nllLoss'
            ? runOp('nllLossGrad', [g, target, total], nllGradParams(params, shape))
            : runOp('crossEntropyGrad', [g, draw(shape, 2), target, total], params);
        expect(gradient).toThrow(wrong);
      }
      // The same number as ignoreIndex is no error.
      const ignored = classLoss(op, draw(shape, 1), target, [], classLossParams(op, { ignoreIndex: bad }));
      expect(ignored.flatMap(numbers).every(Number.isFinite)).toBe(true);
    }
  });

  it('is NaN for a mean over nothing, 0 for a sum', () => {
    const target = host('int64', [2], [-100, -100]);
    expect(classLoss(op, draw([2, 3], 1), target, [], classLossParams(op))[0].data[0]).toBeNaN();
    const [loss, dx] = classLoss(op, draw([2, 3], 1), target, [], classLossParams(op, { reduction: 'sum' }));
    expect([...numbers(loss), ...numbers(dx)]).toEqual([0, 0, 0, 0, 0, 0, 0]);
    const empty = runOp(op, [host('float32', [0, 3], []), host('int64', [0], [])], classLossParams(op));
    expect(empty[0]!.data[0]).toBeNaN();
  });

  it('sums many positions alike on any number of threads, from any strides', () => {
    const [x, target] = [draw([5000, 10], 5), drawClasses([5000], 6, 10)];
    const params = classLossParams(op, { labelSmoothing: op === 'crossEntropy' ? 0.2 : 0 });
    const g = host('float32', [], [1]);
    const one = classLoss(op, x, target, [], params, g);
    device.threads = 2;
    classLoss(op, x, target, [], params, g).forEach((t, i) => expectSame(t, one[i]!));
    classLoss(op, restride(x, [1, 0]), restride(target, [0], 2), [], params, g).forEach((t, i) => expectSame(t, one[i]!));
  });
});

describe('losses of differences', () => {
  const ops = {
    mse: 'mseLoss',
    l1: 'l1Loss',
    smoothL1: 'smoothL1Loss',
    huber: 'huberLoss',
    bce: 'binaryCrossEntropy',
    bceWithLogits: 'bceWithLogits',
  } as const;

  it.each(of('pair'))('%s', (_, c) => {
    const params = pairLossParams(c.kind!, c.args.reduction, c.beta);
    const [loss, da] = c.outputs.map(decode) as [HostTensor, HostTensor];
    const [a, b] = [draw(c.shape, 1, c.dtype), draw(c.shape, 2, c.dtype)];
    expectClose(runOp(ops[c.kind!], [a, b], params)[0]!, loss, ...tolerance(c.dtype));
    const g = draw(loss.shape, 3, c.dtype);
    expectClose(runOp('pairLossGrad', [g, a, b], params)[0]!, da, ...tolerance(c.dtype));
  });

  it('sums many elements precisely, alike on any number of threads', () => {
    const n = 300_001;
    const [a, b] = [draw([n], 1), draw([n], 2)];
    const exact = numbers(a).reduce((sum, v, i) => sum + (v - Number(b.data[i])) ** 2, 0);
    const params = pairLossParams('mse');
    const one = runOp('mseLoss', [a, b], params)[0]!;
    expect(Number(one.data[0])).toBeCloseTo(exact / n, 5);
    device.threads = 2;
    expectSame(runOp('mseLoss', [a, b], params)[0]!, one);
  });

  it('stays finite for large logits', () => {
    const [a, b] = [host('float32', [4], [1e30, -1e30, 200, -200]), host('float32', [4], [1, 0, 0, 1])];
    const loss = runOp('bceWithLogits', [a, b], pairLossParams('bceWithLogits', 'none'))[0]!;
    expect(numbers(loss)).toEqual([0, 0, 200, 200]);
  });

  it('passes NaN on', () => {
    const [a, b] = [host('float32', [2], [NaN, 1]), host('float32', [2], [0, 0])];
    for (const kind of ['mse', 'smoothL1', 'huber', 'bceWithLogits'] as const) {
      expect(runOp(ops[kind], [a, b], pairLossParams(kind))[0]!.data[0]).toBeNaN();
      const da = runOp('pairLossGrad', [host('float32', [], [1]), a, b], pairLossParams(kind))[0]!;
      expect(da.data[0]).toBeNaN();
    }
  });
});

describe('the arguments of losses', () => {
  it('are refused where PyTorch refuses them', () => {
    expect(() => classLossParams('crossEntropy', { labelSmoothing: 1.5 })).toThrow(/labelSmoothing to be in \[0, 1\]/);
    expect(() => classLossParams('nllLoss', { reduction: 'average' as 'mean' })).toThrow(/'none', 'mean' or 'sum'/);
    expect(() => classLossParams('nllLoss', { ignoreIndex: 0.5 })).toThrow(/ignoreIndex/);
    expect(() => pairLossParams('huber', 'mean', 0)).toThrow(/delta to be above 0/);
    const shape = (x: number[], target: number[], weight?: number[]): unknown =>
      lossRules.crossEntropy.shape(
        [layoutOf('float32', x), layoutOf('int64', target), ...(weight ? [layoutOf('float32', weight)] : [])],
        classLossParams('crossEntropy'),
      );
    expect(() => shape([4, 10], [5])).toThrow(/^crossEntropy expects a target of 4 but receives 5/);
    expect(() => shape([4, 10], [4, 1])).toThrow(/receives 4×1/);
    expect(() => shape([4, 10], [4], [9])).toThrow(/one weight per class, shape \[10\], but got \[9\]/);
    expect(() => lossRules.nllLoss.shape([layoutOf('float32', [4, 2]), layoutOf('float32', [4])], classLossParams('nllLoss'))).toThrow(
      /int64/,
    );
    expect(() => lossRules.mseLoss.shape([layoutOf('float32', [4]), layoutOf('float32', [4, 1])], pairLossParams('mse'))).toThrow(
      /one shape/,
    );
  });
});
