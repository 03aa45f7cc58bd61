/**
 * The weights of a 3×3 correlation as Winograd's products need them: G w Gᵀ of every (output, channel), packed as
 * [product][panel of outputs][channel][output]. A panel that has fewer outputs repeats the last.
 */
import { elementKit, minI32, transposedInLanes, type Element, type ElementKit } from '../gemm/tile.ts';
import { i32, load, narrowed, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import { buildMap, PRODUCTS, REACH, TAPS } from './winograd-transforms.ts';

/** Steps are in bytes. */
export const WINOGRAD_WEIGHTS_PARAMS = {
  w: 'ptr',
  packed: 'ptr',
  /** Bytes of one product. */
  product: 'i32',
  /** Between outputs, and between channels; the nine taps are neighbours. */
  wm: 'i32',
  wc: 'i32',
  /** Whether the kernel is turned by 180°, as the gradient of the input needs it. */
  turned: 'i32',
  channels: 'i32',
  outputs: 'i32',
  channelBlock: 'i32',
  channelBlocks: 'i32',
} as const;

/** How far ahead places are asked for. */
const AHEAD = 512;

/** Scratch: the taps, and what {@link buildMap} needs. */
export const weightsScratch = 2048 + PRODUCTS * 64;

/** Vectors of at most so many lanes: a square of them must lie within the nine taps. */
const lanesLimit = (element: Element): number => 8 * (element === 'f32' ? 4 : 8);

/** The unit of work is one block of channels of one panel of `panel` outputs. */
export function winogradWeightsKernel(target: Target, element: Element, panel: number): Kernel<typeof WINOGRAD_WEIGHTS_PARAMS> {
  const narrow = narrowed(target, lanesLimit(element));
  return cachedKernel(narrow, `conv-winograd-weights/${element}/${panel}`, WINOGRAD_WEIGHTS_PARAMS, (scope) => {
    const kit = elementKit(narrow, element);
    const { f, p, lo, hi, scratch } = scope;
    const taps = buildTaps(scope, kit);
    const map = buildMap(scope, kit, 'weights', { asks: true });
    const between = f.let('between', scratch.add(2048));
    const first = f.let('first', p.turned.select(scratch.add((TAPS - 1) * kit.vectorBytes), scratch));
    const step = f.let('step', p.turned.select(i32(-kit.vectorBytes), i32(kit.vectorBytes)));
    f.for('unit', lo, hi, (unit) => {
      const m0 = f.let('m0', unit.div(p.channelBlocks).mul(panel));
      const c0 = f.let('c0', unit.rem(p.channelBlocks).mul(p.channelBlock));
      const end = minI32(f, 'end', p.channels, c0.add(p.channelBlock));
      const to = f.let('to', p.packed.add(m0.mul(p.channels).add(c0.mul(panel)).mul(kit.bytes)));
      const from = f.let('from', p.w.add(c0.mul(p.wc)));
      f.for('c', c0, end, () => {
        for (let q = 0; q < panel; q += kit.lanes) {
          f.call(taps, from, m0.add(q), p.outputs.sub(1), p.wm, first, step);
          const args = [scratch, i32(3 * kit.vectorBytes), i32(kit.vectorBytes)];
          f.call(map, ...args, to.add(q * kit.bytes), p.product.mul(REACH), p.product, between, i32(AHEAD));
        }
        f.inc(from, p.wc);
        f.inc(to, panel * kit.bytes);
      });
    });
  });
}

/** Stores the nine taps of `lanes` outputs from `m` on as vectors, `step` bytes apart; behind the last output, that one's. */
function buildTaps(scope: KernelScope<typeof WINOGRAD_WEIGHTS_PARAMS>, kit: ElementKit): Fn {
  const { lanes, bytes, vector, element } = kit;
  const params = ['w', 'm', 'last', 'wm', 'to', 'step'].map((name) => [name, 'i32'] as const);
  return scope.fn('taps', params, (f, args) => {
    const [w, m, last, wm, to, step] = args as [Local, Local, Local, Local, Local, Local];
    const rows = Array.from({ length: lanes }, (_, q) => f.let(`row${q}`, w.add(minI32(f, `m${q}`, m.add(q), last).mul(wm))));
    const whole = TAPS - (TAPS % lanes);
    for (let tap = 0; tap < whole; tap += lanes) {
      for (const taps of transposedInLanes(
        f,
        rows.map((row) => load(vector, row, tap * bytes)),
        kit,
      )) {
        f.store(vector, to, taps);
        f.inc(to, step);
      }
    }
    for (let tap = whole; tap < TAPS; tap++) {
      rows.forEach((row, q) => f.store(element, to, load(element, row, tap * bytes), q * bytes));
      f.inc(to, step);
    }
  });
}
