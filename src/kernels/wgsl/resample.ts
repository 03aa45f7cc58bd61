/**
 * Planes sampled between their elements, by tables: for each row and column of the result, `taps` places and weights. The gradient gathers: its tables are the
 * transposed ones, which say for each row and column of the input what samples it.
 */
import { wgslKernel, type WgslLaunch, type WgslOperand } from './kernel.ts';
import { WALK_GROUP, walkGroups, walkText } from './walk.ts';

export interface ResampleSizes {
  readonly planes: number;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

const u32 = (...names: readonly string[]) => names.map((name) => ({ name, type: 'u32' as const }));
const float = (name: string): WgslOperand => ({ name, dtype: 'float32' });
const int = (name: string): WgslOperand => ({ name, dtype: 'int32' });

/** [x, rows, rowWeights, columns, columnWeights, y] */
export function resampleLaunch(g: ResampleSizes, taps: number): WgslLaunch {
  const kernel = wgslKernel('resample', () => ({
    operands: [float('x'), int('rows'), float('row_weights'), int('columns'), float('column_weights'), float('y')],
    params: u32('n', 'h', 'w', 'oh', 'ow', 'taps'),
    workgroup: WALK_GROUP,
    body: `fn element(i: u32) {
  let ox = i % p.ow; let oy = (i / p.ow) % p.oh; let plane = (i / (p.ow * p.oh)) * p.h * p.w; var sum = 0f;
  for (var a = 0u; a < p.taps; a++) { let row = plane + u32(rows_at(oy * p.taps + a)) * p.w; var part = 0f;
    for (var b = 0u; b < p.taps; b++) { part += x_at(row + u32(columns_at(ox * p.taps + b))) * column_weights_at(ox * p.taps + b); }
    sum += part * row_weights_at(oy * p.taps + a); }
  y_put(i, sum);
}
${walkText([])}`,
  }));
  const n = g.planes * g.outHeight * g.outWidth;
  return { kernel, args: [n, g.height, g.width, g.outHeight, g.outWidth, taps], groups: walkGroups([], n) };
}

/** A table transposed: entries `starts[i]` to `starts[i + 1]` say which results sample element i, in order, and with what weight. */
export interface Transposed {
  readonly starts: Int32Array;
  readonly places: Int32Array;
  readonly weights: Float32Array;
}

export function transposed(indices: Int32Array, weights: ArrayLike<number>, taps: number, input: number): Transposed {
  const starts = new Int32Array(input + 1);
  for (const at of indices) starts[at + 1]!++;
  for (let i = 0; i < input; i++) starts[i + 1]! += starts[i]!;
  const next = starts.slice();
  const places = new Int32Array(Math.max(indices.length, 1));
  const shares = new Float32Array(Math.max(indices.length, 1));
  indices.forEach((at, k) => {
    const to = next[at]!++;
    places[to] = Math.floor(k / taps);
    shares[to] = weights[k]!;
  });
  return { starts, places, weights: shares };
}

/** [g, rowStarts, rows, rowWeights, columnStarts, columns, columnWeights, dx] */
export function resampleGradLaunch(g: ResampleSizes): WgslLaunch {
  const kernel = wgslKernel('resampleGrad', () => ({
    operands: [
      float('g'),
      int('row_starts'),
      int('rows'),
      float('row_weights'),
      int('column_starts'),
      int('columns'),
      float('column_weights'),
      float('dx'),
    ],
    params: u32('n', 'h', 'w', 'oh', 'ow'),
    workgroup: WALK_GROUP,
    body: `fn element(i: u32) {
  let x = i % p.w; let y = (i / p.w) % p.h; let plane = (i / (p.w * p.h)) * p.oh * p.ow; var sum = 0f;
  for (var a = row_starts_at(y); a < row_starts_at(y + 1u); a++) { let row = plane + u32(rows_at(u32(a))) * p.ow; var part = 0f;
    for (var b = column_starts_at(x); b < column_starts_at(x + 1u); b++) { part += g_at(row + u32(columns_at(u32(b)))) * column_weights_at(u32(b)); }
    sum += part * row_weights_at(u32(a)); }
  dx_put(i, sum);
}
${walkText([])}`,
  }));
  const n = g.planes * g.height * g.width;
  return { kernel, args: [n, g.height, g.width, g.outHeight, g.outWidth], groups: walkGroups([], n) };
}
