/** Weighted sums of elements at given places (`tensor/ops/blend.ts`), of contiguous tensors. Sums go in order, in one thread each. */
import { wgslKernel, type WgslLaunch, type WgslOperand } from './kernel.ts';
import { WALK_GROUP, walkGroups, walkText } from './walk.ts';

export interface BlendSizes {
  readonly batch: number;
  readonly channels: number;
  /** Elements of a plane. */
  readonly size: number;
  readonly taps: number;
  /** Samples of a plane. */
  readonly count: number;
}

const float = (name: string): WgslOperand => ({ name, dtype: 'float32' });
const places: WgslOperand = { name: 'places', dtype: 'int64' };

function launch(name: string, operands: readonly WgslOperand[], n: number, s: BlendSizes, body: string): WgslLaunch {
  const kernel = wgslKernel(name, () => ({
    operands,
    params: ['n', 'channels', 'size', 'taps', 'count'].map((param) => ({ name: param, type: 'u32' as const })),
    workgroup: WALK_GROUP,
    body: `fn element(i: u32) { ${body} }\n${walkText([])}`,
  }));
  return { kernel, args: [n, s.channels, s.size, s.taps, s.count], groups: walkGroups([], n) };
}

/** [x, places, weights, y]: an element of the result for each thread. */
export const blendLaunch = (s: BlendSizes): WgslLaunch =>
  launch(
    'blend',
    [float('x'), places, float('weights'), float('y')],
    s.batch * s.channels * s.count,
    s,
    `
  let plane = i / p.count; let base = (plane / p.channels) * p.taps * p.count + i % p.count; var sum = 0f;
  for (var k = 0u; k < p.taps; k++) { let at = places_at(base + k * p.count);
    if (at >= 0) { sum += x_at(plane * p.size + u32(at)) * weights_at(base + k * p.count); } }
  y_put(i, sum);`,
  );

/** [g, places, weights, dx], where dx is 0: a plane for each thread. */
export const blendGradLaunch = (s: BlendSizes): WgslLaunch =>
  launch(
    'blendGrad',
    [float('g'), places, float('weights'), float('dx')],
    s.batch * s.channels,
    s,
    `
  let base = (i / p.channels) * p.taps * p.count;
  for (var j = 0u; j < p.count; j++) { let part = g_at(i * p.count + j);
    for (var k = 0u; k < p.taps; k++) { let at = places_at(base + k * p.count + j);
      if (at >= 0) { let to = i * p.size + u32(at); dx_put(to, dx_at(to) + part * weights_at(base + k * p.count + j)); } } }`,
  );

/** [g, x, places, dw]: a weight for each thread. */
export const blendDotLaunch = (s: BlendSizes): WgslLaunch =>
  launch(
    'blendDot',
    [float('g'), float('x'), places, float('dw')],
    s.batch * s.taps * s.count,
    s,
    `
  let n = i / (p.taps * p.count); let at = places_at(i); var sum = 0f;
  if (at >= 0) { for (var c = n * p.channels; c < (n + 1u) * p.channels; c++) {
    sum += g_at(c * p.count + i % p.count) * x_at(c * p.size + u32(at)); } }
  dw_put(i, sum);`,
  );
