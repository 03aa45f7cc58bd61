/** Bytes at another size: what is to be made of which rows and columns, and the two ways to make it. */
import type { Planes } from './planes.ts';
import { wholeColumns, wholeRows, type Weights } from './resample.ts';
import { Resampler } from './resample-kernel.ts';

/** New pixels along one direction: weights with so many bits behind the point. */
export interface Pass {
  readonly weights: Weights<Int32Array>;
  readonly bits: number;
}

/** From one place to before another. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** How a picture of bytes gets its new size. */
export interface BytePlan {
  /** Bytes of a pixel. */
  readonly inner: number;
  /** The stretch of the old picture that is needed; the passes count from its corner. */
  readonly rows: Span;
  readonly columns: Span;
  /** Undefined where columns stay as they are. */
  readonly across: Pass | undefined;
  readonly down: Pass | undefined;
  /** Whether `down` comes before `across`. */
  readonly columnsFirst: boolean;
  readonly width: number;
  readonly height: number;
}

/** The planes at their new size; those of the plan's stretch, where it is not all. */
export function resampledBytes(p: Planes<Uint8Array>, plan: BytePlan): Planes<Uint8Array> {
  const { rows, columns, inner, width, height } = plan;
  const size = width * height * inner;
  const out = p.outer === 1 ? undefined : new Uint8Array(size * p.outer);
  const pitch = p.width * inner;
  const shape = { outer: p.outer, height, width, inner };
  for (let plane = 0; plane < p.outer; plane++) {
    const resampler = Resampler.begin(plan, pitch);
    if (resampler === undefined) return looped(p, plan);
    const first = (plane * p.height + rows.from) * pitch;
    resampler.push(p.data.subarray(first + columns.from * inner, first + (rows.to - rows.from) * pitch), pitch, rows.to - rows.from);
    const made = resampler.finish();
    if (out === undefined) return { ...shape, data: made };
    out.set(made, plane * size);
  }
  return { ...shape, data: out ?? new Uint8Array(0) };
}

/** Without WebAssembly. */
export function looped(p: Planes<Uint8Array>, { rows, columns, across, down, columnsFirst, inner }: BytePlan): Planes<Uint8Array> {
  const [height, width] = [rows.to - rows.from, columns.to - columns.from];
  const data = new Uint8Array(p.outer * height * width * inner);
  for (let plane = 0, o = 0; plane < p.outer; plane++) {
    for (let y = rows.from; y < rows.to; y++, o += width * inner) {
      const at = ((plane * p.height + y) * p.width + columns.from) * inner;
      data.set(p.data.subarray(at, at + width * inner), o);
    }
  }
  const stretch: Planes<Uint8Array> = { data, outer: p.outer, height, width, inner };
  const acrossed = (q: Planes<Uint8Array>): Planes<Uint8Array> => (across === undefined ? q : wholeRows(q, across.weights, across.bits));
  const downed = (q: Planes<Uint8Array>): Planes<Uint8Array> => (down === undefined ? q : wholeColumns(q, down.weights, down.bits));
  return columnsFirst ? acrossed(downed(stretch)) : downed(acrossed(stretch));
}
