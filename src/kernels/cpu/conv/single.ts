/**
 * Convolutions of images of one pixel, as in squeeze-and-excitation blocks: weights times a vector. Weights are read once and do not come
 * again, so they are read where they lie: vectors run along channels, and the lanes of as many sums become one vector of results.
 *
 * A unit of work is a vector of outputs, of all images.
 */
import type { Epilogue } from '../../formula/epilogue.ts';
import { elementKit, forStep, intFn, laneSums, minI32, type Element, type ElementKit } from '../gemm/tile.ts';
import { constant, i32, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import { channelsFrom } from './band.ts';
import { affineBytes, finishResults, RESULT_PARAMS } from './epilogue.ts';

/** Steps are in bytes; channels are neighbours in x and in w, outputs in y. */
export const SINGLE_PARAMS = {
  x: 'ptr',
  xn: 'i32',
  w: 'ptr',
  wm: 'i32',
  ...RESULT_PARAMS,
  batch: 'i32',
  /** At least one vector. */
  channels: 'i32',
  outputs: 'i32',
  /** Lane masks of the last, partial vector of channels (`tailMask`). */
  mask: 'ptr',
} as const;

type Scope = KernelScope<typeof SINGLE_PARAMS>;

/** Sums at a time: enough that none waits for itself, and few enough for registers of addresses. */
const SUMS = 8;

export function singleKernel(target: Target, element: Element, epilogue: Epilogue): Kernel<typeof SINGLE_PARAMS> {
  const end = epilogue === 'none' ? '' : `/${epilogue}`;
  return cachedKernel(target, `conv-single/${element}${end}`, SINGLE_PARAMS, (scope) =>
    build(scope, elementKit(target, element), epilogue),
  );
}

function build(scope: Scope, kit: ElementKit, epilogue: Epilogue): void {
  const { f, p, lo, hi, scratch } = scope;
  const dots = buildDots(scope, kit);
  const affine = f.let('affineAt', p.affine);
  const operands = { gate: p.gate.sub(p.y), residual: p.residual.sub(p.y), affine };
  const whole = finishResults(f, kit, withoutAffine(epilogue), operands);
  const rest = finishResults(f, kit, epilogue, operands);
  f.for('unit', lo, hi, (unit) => {
    const m = f.let('m', unit.mul(kit.lanes));
    const left = minI32(f, 'left', i32(kit.lanes), p.outputs.sub(m));
    const at = f.let('at', m.mul(kit.bytes));
    const affines = f.let('affines', p.affine.add(m.mul(affineBytes(kit))));
    f.for('n', 0, p.batch, (n) => {
      f.call(dots, p.x.add(n.mul(p.xn)), p.w.add(m.mul(p.wm)), p.wm, left, p.channels, p.mask, scratch);
      const place = f.let('place', p.y.add(n.mul(p.yn)).add(at));
      f.if(
        left.eq(kit.lanes),
        () => {
          const sum = f.let('sum', load(kit.vector, scratch));
          f.if(p.hasBias, () => f.inc(sum, load(kit.vector, p.bias.add(at))));
          const scaled = epilogue.startsWith('affine') ? f.let('scaled', affineOf(f, kit, sum, affines)) : sum;
          f.store(kit.vector, place, whole.vector(scaled, place));
        },
        () => {
          f.set(affine, affines);
          forStep(f, 'e', [0, left.mul(kit.bytes), kit.bytes], (e) => {
            const sum = f.let('one', load(kit.element, scratch.add(e)));
            f.if(p.hasBias, () => f.inc(sum, load(kit.element, p.bias.add(at).add(e))));
            const to = f.let('to', place.add(e));
            f.store(kit.element, to, rest.element(sum, to));
            f.inc(affine, affineBytes(kit));
          });
        },
      );
    });
  });
}

/** What is left when scales and shifts, which differ from lane to lane here, are done. */
const withoutAffine = (epilogue: Epilogue): Epilogue => (epilogue === 'affine' ? 'none' : epilogue.replace(/^affine\+/, '')) as Epilogue;

/** Sums times scales plus shifts, which lie in pairs. */
function affineOf(f: Fn, { vector, lanes, vectorBytes }: ElementKit, sum: Local, at: Local): Expr {
  const [low, high] = [0, vectorBytes].map((bytes) => f.let('pairs', load(vector, at, bytes)));
  const [scale, shift] = [0, 1].map((odd) =>
    low!.shuffle(
      high!,
      Array.from({ length: lanes }, (_, i) => 2 * i + odd),
    ),
  );
  return sum.fma(scale!, shift!);
}

/** A vector of sums over channels, of outputs of which `left` are there. */
function buildDots(scope: Scope, kit: ElementKit): Fn {
  const { vector, vectorBytes, lanes, bytes } = kit;
  const names = ['x', 'w', 'wm', 'left', 'channels', 'mask', 'to'] as const;
  return intFn(scope, 'dots', names, (f, { x, w, wm, left, channels, mask, to }) => {
    const end = f.let('end', channels.div(lanes).mul(vectorBytes));
    const last = f.let('last', channels.sub(lanes).mul(bytes)); // the last whole vector, its old lanes masked
    const keep = f.let('keep', load(vector, mask));
    const isPartial = f.let('isPartial', channels.rem(lanes));
    const rows = channelsFrom(f, lanes, 'row', w, left, wm);
    const sums: Local[] = [];
    for (let q = 0; q < lanes; q += SUMS) {
      const group = rows.slice(q, q + SUMS);
      const acc = group.map((_, i) => f.let(`acc${q + i}`, constant(vector, 0)));
      forStep(f, 'v', [0, end, vectorBytes], (v) => {
        const values = f.let('x', load(vector, x.add(v)));
        group.forEach((row, i) => f.set(acc[i]!, values.fma(load(vector, row.add(v)), acc[i]!)));
      });
      f.if(isPartial, () => {
        const values = f.let('x', load(vector, x.add(last)).and(keep));
        group.forEach((row, i) => f.set(acc[i]!, values.fma(load(vector, row.add(last)).and(keep), acc[i]!)));
      });
      sums.push(...acc);
    }
    f.store(vector, to, laneSums(f, sums));
  });
}
