/** Convolutions written as plainly as possible, in double precision: what the kernels are compared with. */
import type { ConvGeometry } from '../../src/geometry/conv.ts';

type Visit = (x: number, w: number, y: number) => void;

/** Calls `visit` with the flat indices of every product x·w that belongs to an output y. */
function products(g: ConvGeometry, visit: Visit): void {
  const { height: h, width: v } = g;
  for (let n = 0; n < g.batch; n++)
    for (let o = 0; o < g.outChannels; o++)
      for (let c = 0; c < g.inPerGroup; c++) {
        const channel = Math.floor(o / g.outPerGroup) * g.inPerGroup + c;
        for (let i = 0; i < h.output; i++)
          for (let ki = 0; ki < h.kernel; ki++) {
            const row = i * h.stride + ki * h.dilation - h.before;
            if (row < 0 || row >= h.input) continue;
            for (let j = 0; j < v.output; j++)
              for (let kj = 0; kj < v.kernel; kj++) {
                const column = j * v.stride + kj * v.dilation - v.before;
                if (column < 0 || column >= v.input) continue;
                visit(
                  ((n * g.inChannels + channel) * h.input + row) * v.input + column,
                  ((o * g.inPerGroup + c) * h.kernel + ki) * v.kernel + kj,
                  ((n * g.outChannels + o) * h.output + i) * v.output + j,
                );
              }
          }
      }
}

type Numbers = ArrayLike<number>;

export function referenceConv(g: ConvGeometry, x: Numbers, w: Numbers, bias: Numbers | undefined): Float64Array {
  const plane = g.height.output * g.width.output;
  const y = Float64Array.from({ length: g.batch * g.outChannels * plane }, (_, i) =>
    bias === undefined ? 0 : bias[Math.floor(i / plane) % g.outChannels]!,
  );
  products(g, (xi, wi, yi) => (y[yi]! += x[xi]! * w[wi]!));
  return y;
}

export function referenceInputGrad(g: ConvGeometry, dy: Numbers, w: Numbers): Float64Array {
  const dx = new Float64Array(g.batch * g.inChannels * g.height.input * g.width.input);
  products(g, (xi, wi, yi) => (dx[xi]! += dy[yi]! * w[wi]!));
  return dx;
}

export function referenceWeightGrad(g: ConvGeometry, dy: Numbers, x: Numbers): { dw: Float64Array; db: Float64Array } {
  const dw = new Float64Array(g.outChannels * g.inPerGroup * g.height.kernel * g.width.kernel);
  products(g, (xi, wi, yi) => (dw[wi]! += dy[yi]! * x[xi]!));
  const db = new Float64Array(g.outChannels);
  const plane = g.height.output * g.width.output;
  for (let i = 0; i < g.batch * g.outChannels * plane; i++) db[Math.floor(i / plane) % g.outChannels]! += dy[i]!;
  return { dw, db };
}
