/** How the loss changes with a weight: a sum over all places where the weight was used, of what it was multiplied with times the gradient of what came of it. */
import type { FullLook } from './look.ts';
import { sidesOf, slidingOf } from './places.ts';
import { patch, short, sumOf, type Sum } from './sum.ts';

export type WeightKind = 'weight' | 'bias';

/** ∂loss/∂weight `at` (counted through the whole tensor, row by row) of a stage with the real numbers; undefined for stages without such weights. */
export function weightSum(look: FullLook, stageIndex: number, kind: WeightKind, at: number): Sum | undefined {
  const stage = look.stages[stageIndex]!;
  const own = look.parameters.get(stageIndex);
  if (own?.[kind] === undefined) return undefined;
  const source = look.stages[stage.from[0]!]!;
  const gradient = stage.gradient!;
  const [, height, width] = sidesOf(stage);
  const map = (channel: number, name: string, factor?: (row: number, column: number) => number): Sum['patches'][number] =>
    patch(
      { of: 'gradients', stage: stageIndex, channel, top: 0, left: 0, rows: height, columns: width, name },
      [height, width],
      (y, x) => gradient[(channel * height + y) * width + x]!,
      factor,
    );
  if (stage.kind === 'linear') {
    if (kind === 'bias') return sumOf('A bias is added to one output, so its gradient is that output’s.', [map(at, `output ${at + 1}`)]);
    const features = own.weightShape[1]!;
    const [out, input] = [Math.floor(at / features), at % features];
    return sumOf(`The gradient of output ${out + 1}, times the input ${input + 1} that the weight was multiplied with.`, [
      map(out, `output ${out + 1}`, () => source.values[input]!),
    ]);
  }
  if (stage.kind === 'batchNorm2d') {
    if (kind === 'bias')
      return sumOf('The shift is added everywhere in its map: the sum of all gradients there.', [map(at, `map ${at + 1}`)]);
    const [mean, spread] = [own.mean![at]!, Math.sqrt(own.variance![at]! + own.eps)];
    return sumOf(
      `The gradient at each place, times the number (less the mean ${short(mean)}, divided by the spread ${short(spread)}) that the scale multiplied there.`,
      [map(at, `map ${at + 1}`, (r, c) => (source.values[(at * height + r) * width + c]! - mean) / spread)],
    );
  }
  if (kind === 'bias')
    return sumOf('The bias is added at every place of its map: the sum of all gradients there.', [map(at, `map ${at + 1}`)]);
  const { kernel, stride, padding } = slidingOf(stage.layer)!;
  const depth = own.weightShape[1]!;
  const [kx, ky] = [at % kernel, Math.floor(at / kernel) % kernel];
  const d = Math.floor(at / (kernel * kernel)) % depth;
  const filter = Math.floor(at / (kernel * kernel * depth));
  const [, inHeight, inWidth] = sidesOf(source);
  const groups = source.shape[0]! / depth;
  const channel = Math.floor(filter / (stage.shape[0]! / groups)) * depth + d;
  const input = (r: number, c: number): number => {
    const [y, x] = [r * stride - padding + ky, c * stride - padding + kx];
    const inside = y >= 0 && y < inHeight && x >= 0 && x < inWidth;
    return inside ? source.values[(channel * inHeight + y) * inWidth + x]! : 0;
  };
  return sumOf(
    `The weight was used at ${height} × ${width} places: the gradient at each, times the number of channel ${channel + 1} that the weight lay on there, added up.`,
    [map(filter, `map ${filter + 1}`, input)],
  );
}
