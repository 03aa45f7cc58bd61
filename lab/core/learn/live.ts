/** What the chapters' figures compute, with the library's own operations. */
import { nn, noGrad, tensor, zeros, type Tensor } from 'flambeau';
import { explain } from 'flambeau/inspect';
import { functional as V } from 'flambeau/vision';
import { pictureTensor } from '../dataset.ts';
import { randomOf } from '../random.ts';
import type { NetworkSpec, Picture } from '../spec.ts';
import { build } from '../build.ts';
import { messageOf } from '../failure.ts';

export type Grid = readonly (readonly number[])[];
type Pixels = Pick<Picture, 'size' | 'rgb'>;

const gridOf = (x: Tensor): Grid => x.tolist() as unknown as number[][];
/** Of [1, 1, H, W]. */
const imageOf = (grid: Grid): Tensor =>
  tensor(grid as number[][])
    .unsqueeze(0)
    .unsqueeze(0);
const flatGrid = (x: Tensor): Grid => gridOf(x.flatten(0, 2));

export interface Slide {
  /** Undefined where the kernel does not fit; `formula` is then the library's sentence. */
  readonly output: number | undefined;
  readonly formula: string;
  /** Rows that no window reaches, if there are any. */
  readonly note: string;
}

/** How many places a kernel has along a side: (W − F + 2P) / S + 1, rounded down. */
export function slide(input: number, kernel: number, stride: number, padding: number): Slide {
  try {
    const layer = new nn.Conv2d(1, 1, kernel, { stride, padding });
    const { steps, error } = explain(new nn.Sequential(layer), [1, 1, input, input]);
    const step = steps[0];
    if (error !== undefined || step === undefined) throw error ?? new Error('the kernel does not fit');
    return { output: step.output[2], formula: step.size.join('; '), note: step.note };
  } catch (error) {
    return { output: undefined, formula: messageOf(error), note: '' };
  }
}

/** Parameters of a convolution with their formula. */
export function convParameters(filters: number, kernel: number, depth: number, bias = true) {
  const layer = new nn.Sequential(new nn.Conv2d(depth, filters, kernel, { bias }));
  return explain(layer, [1, depth, kernel, kernel]).steps[0]!.parameters;
}

export interface LayerRow {
  readonly layer: string;
  readonly output: readonly number[];
  readonly size: string;
  readonly parameters: { readonly count: number; readonly formula: string };
}

/** A network layer by layer; the error where one does not fit. */
export function layerRows(network: NetworkSpec): {
  readonly rows: readonly LayerRow[];
  readonly error: string | undefined;
} {
  const { network: model, error } = build(network, 10, 0);
  const { steps } = explain(model, [1, network.channels, network.size, network.size]);
  const rows = steps.map(({ description, output, size, parameters }) => ({
    layer: description,
    output: output.slice(1),
    size: size.join('; '),
    parameters,
  }));
  return { rows, error: rows.length < network.layers.length ? error : undefined };
}

/** Slides a kernel over numbers: the sums of products, without turning the kernel. */
export function correlate(input: Grid, kernel: Grid, { stride = 1, padding = 0 } = {}): Grid {
  const x = imageOf(input);
  const w = imageOf(kernel);
  return noGrad(() => flatGrid(nn.functional.conv2d(x, w, null, { stride, padding })));
}

export interface Filtered {
  readonly grey: Grid;
  readonly map: Grid;
  readonly rectified: Grid;
  readonly pooled: Grid;
}

/** A picture in grey (0 to 1), what a kernel makes of it, that after ReLU, and that after 2×2 max pooling. */
export function filtered(picture: Pixels, kernel: Grid): Filtered {
  const grey: Tensor = pictureTensor(picture, { channels: 1, size: picture.size }).unsqueeze(0).float().div(255);
  const w = imageOf(kernel);
  return noGrad(() => {
    const map: Tensor = nn.functional.conv2d(grey, w, null, { padding: Math.floor(kernel.length / 2) });
    const rectified: Tensor = map.relu();
    const small: Tensor = nn.functional.maxPool2d(rectified, 2);
    return { grey: flatGrid(grey), map: flatGrid(map), rectified: flatGrid(rectified), pooled: flatGrid(small) };
  });
}

/** The largest number, or the mean, of each window. */
export function pooled(input: Grid, kind: 'max' | 'average', kernel: number, stride: number): Grid {
  const x = imageOf(input);
  const out: Tensor = kind === 'max' ? nn.functional.maxPool2d(x, kernel, { stride }) : nn.functional.avgPool2d(x, kernel, { stride });
  return flatGrid(out);
}

export interface Augmented {
  readonly rgb: Uint8Array;
  readonly flipped: boolean;
  readonly degrees: number;
}

/** A picture as RandomHorizontalFlip and RandomRotation change it: left and right exchanged in half of the cases, turned by up to so many degrees. */
export function augmented(picture: Pixels, count: number, seed: number, degrees = 10): Augmented[] {
  const random = randomOf(seed);
  const image = pictureTensor(picture, { channels: 3, size: picture.size });
  return Array.from({ length: count }, () => {
    const flipped = random() < 0.5;
    const angle = (random() * 2 - 1) * degrees;
    const turned: Tensor = V.rotate(flipped ? V.hflip(image) : image, angle);
    return { rgb: turned.permute(1, 2, 0).contiguous().toTypedArray() as Uint8Array, flipped, degrees: angle };
  });
}

export interface KernelStep {
  readonly loss: number;
  readonly kernel: readonly number[];
}

/** 6 × 8 ones with four columns of zeros, as the fifth tutorial has it. */
export const STRIPES: Grid = Array.from({ length: 6 }, () => [1, 1, 0, 0, 0, 0, 1, 1]);
export const EDGE: Grid = [[1, -1]];

/** Gradient descent on the two numbers of a kernel until it finds the edges of {@link STRIPES}: the loss before each step, and the kernel after it. */
export function learnKernel(start: readonly number[], steps: number, lr: number): KernelStep[] {
  const x = imageOf(STRIPES);
  const target = imageOf(correlate(STRIPES, EDGE));
  const conv = new nn.Conv2d(1, 1, [1, 2], { bias: false });
  noGrad(() => conv.weight.copy_(tensor([...start]).view(1, 1, 1, 2)));
  return Array.from({ length: steps }, () => {
    conv.zeroGrad();
    const made: Tensor = conv(x);
    const loss: Tensor = made.sub(target).square().sum();
    loss.backward();
    noGrad(() => conv.weight.sub_(conv.weight.grad!.mul(lr)));
    return { loss: loss.item(), kernel: conv.weight.detach().flatten().tolist() as unknown as number[] };
  });
}

/** Numbers of the picture as a network sees them: (x / 255 − 0.5) / 0.5. */
export const normalisedByte = (byte: number): number => (byte / 255 - 0.5) / 0.5;

/** The numbers of a batch of zeros after a layer. */
export const batchShape = (layer: nn.Module, shape: readonly number[]): readonly number[] => {
  const out = noGrad(() => layer(zeros([...shape]))) as Tensor;
  return out.shape as readonly number[];
};
