/**
 * The last step of a convolution's weight gradient: adds the partial results that `weight-grad.ts` left, in a fixed
 * order, and writes ∂w and ∂b the way the tensors have them.
 */
import { elementKit, forStep, intFn, minI32, transposedInLanes, type Element, type ElementKit } from '../gemm/tile.ts';
import { i32, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope, type ParamSpec } from '../kernel.ts';

export const REDUCE_PARAMS = {
  /** Partial results [part][group][block of outputs][depthPadded][outputs of the block], each followed by its bias sums. */
  partial: 'ptr',
  parts: 'i32',
  partBytes: 'i32',
  /** Byte offset of the bias sums in a partial result. */
  biasAt: 'i32',
  dw: 'ptr',
  db: 'ptr',
  hasBias: 'i32',
  groups: 'i32',
  outputs: 'i32',
  /** (channel, tap) pairs of a group, and the same rounded up to whole register tiles. */
  depth: 'i32',
  depthPadded: 'i32',
} as const;

type Scope = KernelScope<ParamSpec & typeof REDUCE_PARAMS>;

/** The unit of work is one block of `height` outputs of one group; a unit needs a block's sums of scratch. */
export function weightReduceKernel(target: Target, element: Element, height: number): Kernel<typeof REDUCE_PARAMS> {
  return cachedKernel(target, `conv-weight-reduce/${element}/${height}`, REDUCE_PARAMS, (scope) => {
    const reduce = buildReduce(scope, elementKit(target, element), height);
    scope.f.for('unit', scope.lo, scope.hi, (unit) => reduce(unit, scope.scratch));
  });
}

/** Reduces one unit, by way of `row` in scratch. */
export function buildReduce(scope: Scope, kit: ElementKit, height: number): (unit: Local, row: Local) => void {
  const { f, p } = scope;
  const addParts = buildAddParts(scope, kit);
  const turn = buildTurn(scope, kit, height);
  return (unit, row) => {
    const groupRows = f.let('reduceGroupRows', p.outputs.add(height - 1).div(height));
    const m = f.let('reduceM', unit.rem(groupRows).mul(height));
    const output = f.let('output', unit.div(groupRows).mul(p.outputs).add(m));
    const valid = minI32(f, 'validOutputs', i32(height), p.outputs.sub(m));
    const elements = f.let('elements', p.depthPadded.mul(height));
    f.call(addParts, p.partial.add(unit.mul(elements).mul(kit.bytes)), p.parts, p.partBytes, elements, row);
    const step = f.let('dwStep', p.depth.mul(kit.bytes));
    f.call(turn, row, valid, p.depth, p.dw.add(output.mul(step)), step);
    f.if(p.hasBias, () => {
      const bias = p.partial.add(p.biasAt).add(unit.mul(height * kit.bytes));
      f.call(addParts, bias, p.parts, p.partBytes, i32(height), row);
      f.call(turn, row, valid, i32(1), p.db.add(output.mul(kit.bytes)), i32(kit.bytes));
    });
  };
}

/** row[e] = Σ over parts, in order, of element e. */
function buildAddParts(scope: Scope, kit: ElementKit): Fn {
  return intFn(scope, 'addParts', ['from', 'parts', 'step', 'elements', 'row'], (f, { from, parts, step, elements, row }) => {
    const sumAt = (type: 'f32' | 'f64' | 'f32v' | 'f64v', at: Expr): void => {
      const part = f.let('part', from.add(at));
      const sum = f.let(`sum${type}`, load(type, part));
      f.for('k', 1, parts, () => {
        f.inc(part, step);
        f.inc(sum, load(type, part));
      });
      f.store(type, row.add(at), sum);
    };
    const bytes = f.let('bytes', elements.mul(kit.bytes));
    const whole = f.let('whole', bytes.sub(bytes.rem(kit.vectorBytes)));
    forStep(f, 'v', [0, whole, kit.vectorBytes], (v) => sumAt(kit.vector, v));
    forStep(f, 'e', [whole, bytes, kit.bytes], (e) => sumAt(kit.element, e));
  });
}

/** [depth][output] → [output][depth], of the outputs that exist, `dwStep` bytes apart: in squares, of which the last lies back, or one by one. */
export function buildTurn(scope: Scope, kit: ElementKit, height: number): Fn {
  const { bytes, lanes } = kit;
  const square = height % lanes === 0 ? buildTurnSquare(scope, kit, height) : undefined;
  return intFn(scope, 'turn', ['row', 'valid', 'depth', 'dw', 'dwStep'], (f, { row, valid, depth, dw, dwStep }) => {
    const step = square === undefined ? height : lanes;
    forStep(f, 'q', [0, valid, step], (q) => {
      const from = f.let('from', row.add(q.mul(bytes)));
      const to = f.let('to', dw.add(q.mul(dwStep)));
      const count = minI32(f, 'count', valid.sub(q), i32(step));
      const oneByOne = (): void =>
        f.for('output', 0, count, (output) => {
          const at = f.let('at', from.add(output.mul(bytes)));
          f.for('r', 0, depth, () => {
            f.store(kit.element, to, load(kit.element, at));
            f.inc(at, height * bytes);
            f.inc(to, bytes);
          });
          f.inc(to, dwStep.sub(depth.mul(bytes)));
        });
      if (square === undefined) {
        oneByOne();
        return;
      }
      f.if(
        count.eq(lanes).and(depth.ge(lanes)),
        () => {
          const last = f.let('last', depth.sub(lanes));
          forStep(f, 'r', [0, depth, lanes], (r) => {
            const at = minI32(f, 'at', r, last);
            f.call(square, from.add(at.mul(height * bytes)), to.add(at.mul(bytes)), dwStep);
          });
        },
        oneByOne,
      );
    });
  });
}

/** Turns one square of vectors. */
function buildTurnSquare(scope: Scope, kit: ElementKit, height: number): Fn {
  return intFn(scope, 'turnSquare', ['from', 'to', 'outputBytes'], (f, { from, to, outputBytes }) => {
    const rows = Array.from({ length: kit.lanes }, (_, i) => load(kit.vector, from, i * height * kit.bytes));
    for (const output of transposedInLanes(f, rows, kit)) {
      f.store(kit.vector, to, output);
      f.inc(to, outputBytes);
    }
  });
}
