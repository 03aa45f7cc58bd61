/**
 * The three operations of a convolution, forward and both gradients: their arguments, and the geometry of each from its inputs, which
 * shape rules and lowerings read.
 */
import { isFloating } from '../base/dtype.ts';
import { DTypeError, ShapeError } from '../base/errors.ts';
import type { Layout } from '../base/layout.ts';
import { sameDims, showShape, type Dims } from '../base/shape.ts';
import { remembered, type Attrs } from './attrs.ts';
import { convGeometry, type ConvGeometry, type ConvParams } from './conv.ts';

/** Made by {@link convInputGradParams}. */
export interface ConvInputGradParams extends Attrs {
  readonly conv: ConvParams;
  /** Height and width of the input, which the output's size does not tell for strides above 1. */
  readonly size: readonly [number, number];
}

/** Made by {@link convWeightGradParams}. */
export interface ConvWeightGradParams extends Attrs {
  readonly conv: ConvParams;
  /** Height and width of the kernel. */
  readonly kernel: readonly [number, number];
  /** Whether the gradient of the bias is a second result. */
  readonly bias: boolean;
}

export const convInputGradParams = (conv: ConvParams, size: readonly [number, number]): ConvInputGradParams =>
  remembered('convInputGrad', { key: `${conv.key}x${size.join()}`, conv, size });

export const convWeightGradParams = (conv: ConvParams, kernel: readonly [number, number], bias: boolean): ConvWeightGradParams =>
  remembered('convWeightGrad', { key: `${conv.key}k${kernel.join()}${bias ? 'b' : ''}`, conv, kernel, bias });

function checkDTypes(op: string, inputs: readonly Layout[]): void {
  const { dtype } = inputs[0]!;
  if (!isFloating(dtype)) {
    throw new DTypeError(`${op}: expected an input of dtype float32 or float64, but got ${dtype}; convert it with .to('float32')`);
  }
  for (const other of inputs) {
    if (other.dtype === dtype) continue;
    throw new DTypeError(
      `${op}: expected input, weight and bias of one dtype, but got ${inputs.map((l) => l.dtype).join(', ')}; convert them with .to('${dtype}')`,
    );
  }
}

/** Of the forward convolution. */
export const outputShape = (g: ConvGeometry): Dims => [g.batch, g.outChannels, g.height.output, g.width.output];

function checkGrad(op: string, grad: Dims, g: ConvGeometry): void {
  if (sameDims(grad, outputShape(g))) return;
  throw new ShapeError(`${op}: expected a gradient of shape ${showShape(outputShape(g))}, the output's, but got ${showShape(grad)}`);
}

/** The geometry of the convolution from its inputs' shapes, everything checked. */
export function forwardGeometry(inputs: readonly Layout[], p: ConvParams): ConvGeometry {
  const [x, w, bias] = inputs as [Layout, Layout, Layout | undefined];
  checkDTypes('conv2d', inputs);
  const g = convGeometry('conv2d', x.shape, w.shape, p);
  if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== g.outChannels)) {
    throw new ShapeError(
      `conv2d: expected a bias of shape [${g.outChannels}], one number for each output channel, but got ${showShape(bias.shape)}`,
    );
  }
  return g;
}

/** The same of the gradient of its input. */
export function inputGradGeometry(inputs: readonly Layout[], p: ConvInputGradParams): ConvGeometry {
  const [grad, w] = inputs as [Layout, Layout];
  checkDTypes('conv2dInputGrad', inputs);
  const x = [grad.shape[0]!, w.shape[1]! * p.conv.groups, ...p.size];
  const g = convGeometry('conv2dInputGrad', x, w.shape, p.conv);
  checkGrad('conv2dInputGrad', grad.shape, g);
  return g;
}

/** The same of the gradient of its weights. */
export function weightGradGeometry(inputs: readonly Layout[], p: ConvWeightGradParams): ConvGeometry {
  const [grad, x] = inputs as [Layout, Layout];
  checkDTypes('conv2dWeightGrad', inputs);
  const w = [grad.shape[1]!, x.shape[1]! / p.conv.groups, ...p.kernel];
  const g = convGeometry('conv2dWeightGrad', x.shape, w, p.conv);
  checkGrad('conv2dWeightGrad', grad.shape, g);
  return g;
}
