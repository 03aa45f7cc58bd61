/**
 * Packs a convolution's weights for vectors along outputs: [panel of outputs][tap][channel][output]. Squares of vectors are transposed where channels
 * and taps of an output are neighbours in memory (forward), and where outputs and taps of a channel are (gradients of the input). A panel that has
 * fewer outputs repeats the last.
 */
import { elementKit, forStep, intFn, minI32, transposedInLanes, type Element, type ElementKit } from '../gemm/tile.ts';
import { load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';

/** Vectors of a panel. */
const VECTORS = 2;

/** Steps are in bytes; the taps of an output and a channel are neighbours. */
export const PACK_PANELS_PARAMS = {
  w: 'ptr',
  packed: 'ptr',
  wm: 'i32',
  wc: 'i32',
  outputs: 'i32',
  channels: 'i32',
  /** Elements of a kernel, and where each of them (of as many channels as a vector has lanes, one after the other) goes in its panel. */
  taps: 'i32',
  places: 'ptr',
  /** Bytes of a panel. */
  panelBytes: 'i32',
} as const;

type Scope = KernelScope<typeof PACK_PANELS_PARAMS>;

/** What neighbours of a kernel's elements are: the next channel's, or the next output's; those have `taps` elements each, at most a vector's lanes. */
export type Neighbours = 'channels' | { readonly taps: number };

/** The unit of work is a panel. */
export function packPanelsKernel(target: Target, element: Element, by: Neighbours): Kernel<typeof PACK_PANELS_PARAMS> {
  const name = by === 'channels' ? by : `outputs-${by.taps}`;
  return cachedKernel(target, `conv-panels-pack/${element}/${name}`, PACK_PANELS_PARAMS, (scope) => {
    const kit = elementKit(target, element);
    const pack = by === 'channels' ? alongChannels(scope, kit) : alongOutputs(scope, kit, by.taps);
    const { f, p, lo, hi } = scope;
    f.for('unit', lo, hi, (unit) => {
      const m = f.let('m', unit.mul(VECTORS * kit.lanes));
      const to = f.let('to', p.packed.add(unit.mul(p.panelBytes)));
      for (let v = 0; v < VECTORS; v++) pack(m.add(v * kit.lanes), to.add(v * kit.vectorBytes));
    });
  });
}

type Pack = (m: Expr, to: Expr) => void;

/** The first weights of `lanes` outputs; behind the last output, that one's. */
const rowsFrom = (f: Fn, lanes: number, from: Expr, m: Expr, last: Expr, wm: Expr): Local[] =>
  Array.from({ length: lanes }, (_, q) => f.let(`row${q}`, from.add(minI32(f, `m${q}`, m.add(q), last).mul(wm))));

/** As many channels as lanes at a time, all their taps; the last of them lie back. */
function alongChannels(scope: Scope, kit: ElementKit): Pack {
  const { f: entry, p } = scope;
  const { lanes, vector, vectorBytes, bytes } = kit;
  const names = ['w', 'm', 'last', 'wm', 'channels', 'taps', 'places', 'to'] as const;
  const pack = intFn(scope, 'packChannels', names, (f, { w, m, last, wm, channels, taps, places, to }) => {
    const rows = rowsFrom(f, lanes, w, m, last, wm);
    forStep(f, 'c', [0, channels, lanes], (c) => {
      const first = minI32(f, 'first', c, channels.sub(lanes));
      const out = f.let('out', to.add(first.mul(VECTORS * vectorBytes)));
      const begin = f.let('begin', first.mul(taps).mul(bytes));
      const end = f.let('end', begin.add(taps.mul(vectorBytes)));
      const place = f.let('place', places);
      forStep(f, 'at', [begin, end, vectorBytes], (at) => {
        const turned = transposedInLanes(
          f,
          rows.map((row) => load(vector, row.add(at))),
          kit,
        );
        turned.forEach((value, i) => f.store(vector, out.add(load('i32', place, 4 * i)), value));
        f.inc(place, lanes * 4);
      });
    });
  });
  return (m, to) => entry.call(pack, p.w, m, p.outputs.sub(1), p.wm, p.channels, p.taps, p.places, to);
}

/** A channel at a time. */
function alongOutputs(scope: Scope, kit: ElementKit, taps: number): Pack {
  const { f: entry, p } = scope;
  const { lanes, vector, vectorBytes, bytes } = kit;
  const names = ['w', 'm', 'last', 'wm', 'wc', 'channels', 'places', 'to'] as const;
  const pack = intFn(scope, 'packOutputs', names, (f, { w, m, last, wm, wc, channels, places, to }) => {
    const outs = Array.from({ length: taps }, (_, t) => f.let(`out${t}`, to.add(load('i32', places, 4 * t))));
    const channel = (values: () => readonly Expr[], next: () => void): void =>
      f.for('c', 0, channels, () => {
        values().forEach((value, t) => f.store(vector, outs[t]!, value));
        for (const out of outs) f.inc(out, VECTORS * vectorBytes);
        next();
      });
    const squares = (): void => {
      const rows = rowsFrom(f, lanes, w, m, last, wm);
      channel(
        () =>
          transposedInLanes(
            f,
            rows.map((row) => load(vector, row)),
            kit,
          ).slice(0, taps),
        () => rows.forEach((row) => f.inc(row, wc)),
      );
    };
    if (taps > 1) {
      squares();
      return;
    }
    const from = f.let('from', w.add(m.mul(bytes)));
    const copies = (): void =>
      channel(
        () => [load(vector, from)],
        () => f.inc(from, wc),
      );
    f.if(m.add(lanes - 1).le(last), copies, squares);
  });
  return (m, to) => entry.call(pack, p.w, m, p.outputs.sub(1), p.wm, p.wc, p.channels, p.places, to);
}
