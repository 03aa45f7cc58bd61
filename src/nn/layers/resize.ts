/** Layers that resize images or rearrange their pixels. */
import { pythonFloat, pythonTuple } from '../../base/python-format.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Pair } from '../../tensor/shapes/window.ts';
import { checkInterpolate, interpolateAs, pixelShuffle, pixelUnshuffle, type InterpolateMode, type InterpolateOptions } from '../functional-images.ts'; // prettier-ignore
import { requireCount } from '../options.ts';
import type { PixelShuffleFn, PixelUnshuffleFn, UpsampleFn } from '../shape-types.ts';
import { Layer, type SomeLayer } from './layer.ts';

/** The class behind {@link Upsample}. */
class UpsampleLayer<O, By> extends Layer<UpsampleFn<O, By>> {
  static override readonly name: string = 'Upsample';
  readonly size: O;
  readonly scaleFactor: By;
  readonly mode: InterpolateMode;
  readonly alignCorners: boolean | undefined;

  /** @throws ArgumentError unless either size or scaleFactor is given, and for alignCorners with a mode that has no such thing */
  constructor(options: InterpolateOptions) {
    super();
    const given = checkInterpolate('Upsample', options);
    this.size = given.size as O;
    this.scaleFactor = given.scaleFactor as By;
    this.mode = given.mode ?? 'nearest';
    this.alignCorners = given.alignCorners;
  }

  protected override run(x: Tensor): Tensor {
    return interpolateAs('Upsample', x, this as InterpolateOptions);
  }

  override extraRepr(): string {
    const { size, scaleFactor, mode } = this as { size?: Pair; scaleFactor?: Pair; mode: string };
    const by = (factor: Pair): string =>
      typeof factor === 'number' ? pythonFloat(factor) : `(${factor.map(pythonFloat).join(', ')})`;
    const to = (pair: Pair): string => (typeof pair === 'number' ? String(pair) : pythonTuple(pair));
    return `${scaleFactor === undefined ? `size=${to(size!)}` : `scale_factor=${by(scaleFactor)}`}, mode='${mode}'`;
  }
}

/** `Upsample<undefined, 2>`: twice as large; `Upsample<[28, 28], undefined>`: to 28×28. */
export interface Upsample<out O = Pair | undefined, out By = Pair | undefined> extends UpsampleLayer<O, By> {
  readonly mode: InterpolateMode;
}

export interface UpsampleConstructor {
  /** @throws ArgumentError unless either size or scaleFactor is given, and for alignCorners with a mode that has no such thing */
  new <const O extends Pair | undefined = undefined, const By extends Pair | undefined = undefined>(
    options: Omit<InterpolateOptions, 'size' | 'scaleFactor'> & { readonly size?: O; readonly scaleFactor?: By },
  ): Upsample<O, By>;
  readonly prototype: SomeLayer<Upsample>;
}

/**
 * Resizes images by interpolation (https://pytorch.org/docs/stable/generated/torch.nn.Upsample.html): to `size`, or by `scaleFactor`.
 * @example
 * import { nn, randn } from 'flambeau';
 * const up = new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' });
 * if (up(randn(1, 8, 14, 14)).shape.join() !== '1,8,28,28') throw new Error('twice as large');
 */
export const Upsample = UpsampleLayer as unknown as UpsampleConstructor;

/** Makes of each r² channels one of r times the height and width. */
export class PixelShuffle<const out R extends number = number> extends Layer<PixelShuffleFn<R>> {
  readonly upscaleFactor: R;

  /** @throws ArgumentError for a factor that is not whole and positive */
  constructor(upscaleFactor: R) {
    super();
    requireCount('PixelShuffle', 'upscaleFactor', upscaleFactor);
    this.upscaleFactor = upscaleFactor;
  }

  protected override run(x: Tensor): Tensor {
    return pixelShuffle(x, this.upscaleFactor as number);
  }

  override extraRepr(): string {
    return `upscale_factor=${this.upscaleFactor}`;
  }
}

/** The inverse of {@link PixelShuffle}. */
export class PixelUnshuffle<const out R extends number = number> extends Layer<PixelUnshuffleFn<R>> {
  readonly downscaleFactor: R;

  /** @throws ArgumentError for a factor that is not whole and positive */
  constructor(downscaleFactor: R) {
    super();
    requireCount('PixelUnshuffle', 'downscaleFactor', downscaleFactor);
    this.downscaleFactor = downscaleFactor;
  }

  protected override run(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.downscaleFactor as number);
  }

  override extraRepr(): string {
    return `downscale_factor=${this.downscaleFactor}`;
  }
}
