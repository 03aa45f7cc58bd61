/** Torch's own local response normalisation across channels, which PyTorch keeps as `nn.CrossMapLRN2d`. */
import { COUNT, NUMBER } from '../../base/arguments.ts';
import { requireDType } from '../../base/dtype.ts';
import { ShapeError } from '../../base/errors.ts';
import { pythonFloat } from '../../base/python-format.ts';
import { say, WRONG_RANK } from '../../base/sentences.ts';
import { showSizes } from '../../base/shape.ts';
import { readCall, signature } from '../../base/signature.ts';
import { CustomFunction, type FunctionCtx } from '../../tensor/custom-function.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { IdentityFn } from '../shape-types.ts';
import { table } from '../spatial.ts';
import { Layer } from './layer.ts';
import type { LocalResponseArguments } from './rearrange.ts';

/** A matrix of what each channel adds up, [C, C]. */
function sums(x: Tensor, key: string, channels: number, fill: (rows: number[][]) => void): Tensor {
  const dtype = x.dtype === 'float64' ? 'float64' : 'float32';
  return table(x, `${key},${channels},${dtype}`, () => {
    const rows = Array.from({ length: channels }, () => new Array<number>(channels).fill(0));
    fill(rows);
    return { data: (dtype === 'float64' ? Float64Array : Float32Array).from(rows.flat()), shape: [channels, channels], dtype };
  });
}

/**
 * The squares that PyTorch's running sum holds at each channel. It goes on as if the window were `size` wide, but begins to drop channels one too
 * late, so that the first one is never dropped; networks were trained with it, so that is what it is.
 */
function squaresAt(x: Tensor, channels: number, size: number): Tensor {
  const before = Math.floor((size - 1) / 2 + 1);
  return sums(x, `cross-map ${size}`, channels, (rows) => {
    for (let c = 0; c < Math.min(before, channels); c++) rows[0]![c] = 1;
    for (let c = 1; c < channels; c++) {
      const row = (rows[c] = [...rows[c - 1]!]);
      if (c < channels - before + 1) row[c + before - 1]! += 1;
      if (c > before) row[c - before]! -= 1;
    }
  });
}

/** The channels whose outputs a channel's gradient comes from: in PyTorch's way a window of `size`, one place early. */
function gradientsAt(x: Tensor, channels: number, size: number): Tensor {
  const first = size === 1 ? 0 : Math.floor(size - (size - 1) / 2);
  return sums(x, `cross-map gradient ${size}`, channels, (rows) => {
    rows.forEach((row, c) => {
      for (let j = Math.max(c - first, 0); j < Math.min(c - first + size, channels); j++) row[j] = 1;
    });
  });
}

/** Sums over channels: [C, C] times [N, C, H, W]. */
const across = (matrix: Tensor, x: Tensor): Tensor => matrix.matmul(x.flatten(2)).reshape(x.layout.shape);

class CrossMapFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor, size: number, alpha: number, beta: number, k: number): Tensor {
    const scale = across(squaresAt(x, x.layout.shape[1]!, size), x.mul(x))
      .mul(alpha / size)
      .add(k);
    const output = scale.pow(-beta).mul(x);
    ctx['size'] = size;
    ctx['factor'] = (2 * alpha * beta) / size;
    ctx['beta'] = beta;
    ctx['scale'] = scale;
    ctx.saveForBackward(x, output);
    return output;
  }
  static backward(ctx: FunctionCtx, grad: Tensor): readonly (Tensor | null)[] {
    const [x, output] = ctx.savedTensors as [Tensor, Tensor];
    const { size, factor, beta, scale } = ctx as unknown as Readonly<{ size: number; factor: number; beta: number; scale: Tensor }>;
    const ratio = across(gradientsAt(x, x.layout.shape[1]!, size), grad.mul(output).div(scale));
    return [scale.pow(-beta).mul(grad).sub(x.mul(ratio).mul(factor)), null, null, null, null];
  }
}

const LAYER = signature<LocalResponseArguments>(
  'CrossMapLRN2d',
  { size: COUNT, alpha: NUMBER, beta: NUMBER, k: NUMBER },
  { required: 1, example: 'new nn.CrossMapLRN2d(5, 1e-4, 0.75, 1)' },
);

/**
 * Divides by sums of squares of neighbouring channels of images [N, C, H, W], as PyTorch's class of this name does. **Its sums and its gradient are
 * not those of the definition** (the sums keep the first channel, the gradient's window is shifted), number for number as in PyTorch, for networks that were
 * trained with it; new ones take `nn.LocalResponseNorm` (https://docs.pytorch.org/docs/stable/generated/torch.nn.LocalResponseNorm.html).
 * For `size` 1, where PyTorch's gradient fails, it is the right one. The gradient has no gradient.
 * @example
 * import { nn, ones } from 'flambeau';
 * const y = new nn.CrossMapLRN2d(3, 3, 1)(ones(1, 3, 1, 1)); // two squares for the first channel, then three
 * console.log(y.flatten().mul(12).round().tolist()); // [ 4, 3, 3 ]
 */
export class CrossMapLRN2d extends Layer<IdentityFn> {
  readonly size: number;
  alpha: number;
  beta: number;
  k: number;
  constructor(
    size: number | LocalResponseArguments,
    alpha?: number | Omit<LocalResponseArguments, 'size'>,
    beta?: number | Pick<LocalResponseArguments, 'beta' | 'k'>,
    k?: number | Pick<LocalResponseArguments, 'k'>,
  );
  constructor(...args: readonly unknown[]) {
    super();
    const { size, alpha = 1e-4, beta = 0.75, k = 1 } = readCall(LAYER, args);
    this.size = size;
    this.alpha = alpha;
    this.beta = beta;
    this.k = k;
  }
  /** @throws ShapeError unless the input has four dimensions, DTypeError unless it is of float32 or float64 */
  protected override run(x: Tensor): Tensor {
    if (x.ndim !== 4) throw new ShapeError(say(WRONG_RANK, 'CrossMapLRN2d', '4-d', showSizes(x.layout.shape)));
    requireDType('CrossMapLRN2d', 'input', x.dtype, ['float32', 'float64']);
    return CrossMapFunction.apply(x, this.size, this.alpha, this.beta, this.k);
  }
  override extraRepr(): string {
    return `${this.size}, alpha=${pythonFloat(this.alpha)}, beta=${pythonFloat(this.beta)}, k=${this.k}`;
  }
}
