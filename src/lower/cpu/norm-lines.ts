/** The lowerings of normalisation along lines. */
import type { DType } from '../../base/dtype.ts';
import type { Value } from '../../compiler/lowering.ts';
import type { LineNormParams } from '../../geometry/norm.ts';
import { floatsOf, lineTarget, type Floats } from '../../kernels/cpu/floats.ts';
import type { Target } from '../../kernels/cpu/ir.ts';
import {
  lineNormChannelKernel,
  lineNormGradKernel,
  lineNormKernel,
  lineNormPlaceKernel,
  placesAtOnce,
  type ScaleKind,
} from '../../kernels/cpu/norm/lines.ts';
import type { LineNormAttrs } from '../../tensor/ops/norm-lines.ts';
import type { OpLowerings, Values } from '../table.ts';
import { asContiguous, lowerFill } from './copy.ts';
import type { CpuLowering } from './lowering.ts';

/** Nanoseconds for an element in all passes, from the second-level cache or beyond. */
const ELEMENT_NS = 0.8;

interface Sizes {
  readonly lines: number;
  readonly scales: number;
  readonly kind: ScaleKind;
}

function sizesOf(x: Value, { length, groups, each }: LineNormParams): Sizes {
  return {
    lines: x.layout.numel / length,
    scales: (length / each) * groups,
    kind: each === 1 ? 'elements' : 'channels',
  };
}

/** Lines are walked in the machine's width. */
function walked(l: CpuLowering, dtype: DType, length: number): [Target, Floats] {
  const target = lineTarget(l.target, l.wideTarget, dtype, length);
  return [target, floatsOf(target, dtype)];
}

/** Scales or shifts; where there are none, ones or zeros. */
function given(l: CpuLowering, dtype: DType, scales: number, value: Value | undefined, otherwise: number): Value {
  if (value !== undefined) return asContiguous(l, value);
  return l.constant(dtype, (dtype === 'float32' ? new Float32Array(scales) : new Float64Array(scales)).fill(otherwise));
}

function lowerForward(l: CpuLowering, inputs: Values, [y, mean, invStd]: Values, p: LineNormParams): void {
  const x = asContiguous(l, inputs[0]!);
  const { dtype } = x.layout;
  const { lines, scales, kind } = sizesOf(x, p);
  const { length } = p;
  const [target, t] = walked(l, dtype, kind === 'elements' ? length : p.each);
  const args = {
    x,
    y: y!,
    weight: given(l, dtype, scales, p.weight ? inputs[1] : undefined, 1),
    bias: given(l, dtype, scales, p.bias ? inputs.at(-1) : undefined, 0),
    mean: mean!,
    invStd: invStd!,
    eps: p.eps,
    length,
    groups: p.groups,
    each: p.each,
  };
  l.launch(lineNormKernel(target, t, kind), args, { size: lines, unitCost: length * ELEMENT_NS });
}

function lowerGrad(l: CpuLowering, inputs: Values, [dx]: Values, p: LineNormParams): void {
  const [g, x, mean, invStd, scale] = inputs.map((value) => asContiguous(l, value)) as [Value, Value, Value, Value, Value?];
  const { dtype } = x.layout;
  const { lines, scales, kind } = sizesOf(x, p);
  const { length } = p;
  const [target, t] = walked(l, dtype, kind === 'elements' ? length : p.each);
  const weight = given(l, dtype, scales, scale, 1);
  const args = { g, x, mean, invStd, weight, dx: dx!, length, groups: p.groups, each: p.each };
  l.launch(lineNormGradKernel(target, t, kind), args, { size: lines, unitCost: length * ELEMENT_NS });
}

function lowerScaleGrad(l: CpuLowering, inputs: Values, [dWeight, dBias]: Values, p: LineNormParams): void {
  if (inputs[1]!.layout.numel === 0) {
    for (const out of [dWeight!, dBias!]) lowerFill(l, out, [0]);
    return;
  }
  const [g, x, mean, invStd] = inputs.map((value) => asContiguous(l, value)) as [Value, Value, Value, Value];
  const { lines, scales } = sizesOf(x, p);
  const { length } = p;
  const args = { g, x, mean, invStd, dWeight: dWeight!, dBias: dBias!, lines, length, groups: p.groups, each: p.each };
  const [wide, byPlaces] = walked(l, x.layout.dtype, length);
  if (p.each === 1 && p.groups === 1 && length >= placesAtOnce(byPlaces)) {
    const size = Math.ceil(length / placesAtOnce(byPlaces));
    l.launch(lineNormPlaceKernel(wide, byPlaces), args, { size, unitCost: placesAtOnce(byPlaces) * lines * ELEMENT_NS });
    return;
  }
  const [target, t] = walked(l, x.layout.dtype, p.each);
  l.launch(lineNormChannelKernel(target, t), args, { size: scales, unitCost: (x.layout.numel / scales) * ELEMENT_NS });
}

export const lineNormLowerings: OpLowerings<LineNormAttrs, CpuLowering> = {
  lineNorm: { lower: lowerForward },
  lineNormGrad: { lower: lowerGrad },
  lineNormScaleGrad: { lower: lowerScaleGrad },
};
