/** Layers that resize images or rearrange their pixels. */
import { COUNT } from '../../base/arguments.ts';
import type { Any, Given, LeftOut } from '../../base/call-types.ts';
import { pythonFloat, pythonTuple } from '../../base/python-format.ts';
import { readCall, signature } from '../../base/signature.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { pixelShuffle, pixelUnshuffle } from '../functional-images.ts';
import {
  checkInterpolate,
  INTERPOLATE_KINDS,
  interpolateAs,
  type InterpolateMode,
  type InterpolateOptions,
} from '../functional-interpolate.ts';
import type { Sizes } from '../spatial.ts';
import type { DynamicFn } from './conv-nd.ts';
import type { PixelShuffleFn, PixelUnshuffleFn, UpsampleFn } from '../shape-types.ts';
import { layerOf } from '../signatures.ts';
import { Layer, type SomeLayer } from './layer.ts';

const { antialias: _, ...KINDS } = INTERPOLATE_KINDS;
type UpsampleOptions = Omit<InterpolateOptions, 'antialias'>;
const UPSAMPLE = signature<UpsampleOptions>('Upsample', KINDS, {
  example: "new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' }) or new nn.Upsample(null, 2, 'bilinear')",
});

/** The class behind {@link Upsample}. */
class UpsampleLayer<O, By> extends Layer<UpsampleFn<O, By>> {
  static override readonly name: string = 'Upsample';
  readonly size: O;
  scaleFactor: By;
  readonly mode: InterpolateMode;
  alignCorners: boolean | undefined;
  readonly recomputeScaleFactor: boolean | undefined;

  /** @throws ArgumentError unless either size or scaleFactor is given, and for alignCorners with a mode that has no such thing */
  constructor(...args: readonly unknown[]) {
    super();
    const given = checkInterpolate('Upsample', readCall(UPSAMPLE, args));
    this.size = (given.size ?? undefined) as O;
    this.scaleFactor = (given.scaleFactor ?? undefined) as By;
    this.mode = given.mode ?? 'nearest';
    this.alignCorners = given.alignCorners ?? undefined;
    this.recomputeScaleFactor = given.recomputeScaleFactor ?? undefined;
  }

  protected override run(x: Tensor): Tensor {
    return interpolateAs(this.typeName(), x, this as InterpolateOptions);
  }

  override extraRepr(): string {
    return shownResize(this as { size?: Sizes; scaleFactor?: Sizes; mode: string });
  }
}

function shownResize({ size, scaleFactor, mode }: { size?: Sizes; scaleFactor?: Sizes; mode: string }): string {
  const by = (factor: Sizes): string =>
    typeof factor === 'number' ? pythonFloat(factor) : `(${factor.map(pythonFloat).join(', ')}${factor.length === 1 ? ',' : ''})`;
  const to = (sizes: Sizes): string => (typeof sizes === 'number' ? String(sizes) : pythonTuple(sizes));
  return `${scaleFactor === undefined ? `size=${to(size!)}` : `scale_factor=${by(scaleFactor)}`}, mode='${mode}'`;
}

/** `Upsample<undefined, 2>`: twice as large; `Upsample<[28, 28], undefined>`: to 28×28. */
export interface Upsample<out O = Sizes | undefined, out By = Sizes | undefined> extends UpsampleLayer<O, By> {
  readonly mode: InterpolateMode;
}

type Rest = Omit<UpsampleOptions, 'size' | 'scaleFactor'>;
type Wished<T> = T extends null ? undefined : T;

export interface UpsampleConstructor {
  /** @throws ArgumentError unless either size or scaleFactor is given, and for alignCorners with a mode that has no such thing */
  new <const O extends Sizes | null | undefined | LeftOut = LeftOut, const By extends Sizes | null | undefined | LeftOut = LeftOut>(
    size?: O | (Rest & { readonly size?: O; readonly scaleFactor?: By }) | Any<O, UpsampleOptions>,
    scaleFactor?: By | (Rest & { readonly scaleFactor?: By }),
    mode?: InterpolateMode | Rest,
    alignCorners?: boolean | null | Omit<Rest, 'mode'>,
    recomputeScaleFactor?: boolean | null | Pick<Rest, 'recomputeScaleFactor'>,
  ): Upsample<Wished<Given<O, undefined>>, Wished<Given<By, undefined>>>;
  readonly prototype: SomeLayer<Upsample>;
}

/**
 * Resizes by interpolation (https://pytorch.org/docs/stable/generated/torch.nn.Upsample.html): to `size`, or by `scaleFactor`.
 * @example
 * import { nn, randn } from 'flambeau';
 * const up = new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' });
 * if (up(randn(1, 8, 14, 14)).shape.join() !== '1,8,28,28') throw new Error('twice as large');
 */
export const Upsample = UpsampleLayer as unknown as UpsampleConstructor;

interface Targets {
  readonly size?: Sizes | null;
  readonly scaleFactor?: Sizes | null;
}
const { size, scaleFactor } = INTERPOLATE_KINDS;
const NEAREST = { mode: 'nearest' } as const;
const BILINEAR = { mode: 'bilinear', alignCorners: true } as const;
abstract class Upsampling extends Layer<DynamicFn> {
  readonly size: Sizes | undefined;
  scaleFactor: Sizes | undefined;
  protected abstract readonly way: InterpolateOptions & { readonly mode: InterpolateMode };

  constructor(size?: Sizes | null | Targets, scaleFactor?: Sizes | null | Omit<Targets, 'size'>);
  constructor(...args: readonly unknown[]) {
    super();
    const name = this.typeName();
    const of = signature<Targets>(name, { size, scaleFactor }, { example: `new nn.${name}({ scaleFactor: 2 })` });
    const given = checkInterpolate(name, readCall(of, args));
    this.size = given.size ?? undefined;
    this.scaleFactor = given.scaleFactor ?? undefined;
  }

  protected override run(x: Tensor): Tensor {
    return interpolateAs(this.typeName(), x, { size: this.size, scaleFactor: this.scaleFactor, ...this.way });
  }

  override extraRepr(): string {
    const { size, scaleFactor } = this;
    return shownResize({ ...(size !== undefined && { size }), ...(scaleFactor !== undefined && { scaleFactor }), mode: this.way.mode });
  }
}

/** Resizes images by the nearest pixel (https://pytorch.org/docs/stable/generated/torch.nn.UpsamplingNearest2d.html). */
export class UpsamplingNearest2d extends Upsampling {
  static override readonly name: string = 'UpsamplingNearest2d';
  protected readonly way = NEAREST;
}

/** Resizes images by linear interpolation between the corners' centres. */
export class UpsamplingBilinear2d extends Upsampling {
  static override readonly name: string = 'UpsamplingBilinear2d';
  protected readonly way = BILINEAR;
}

const PIXEL_SHUFFLE = layerOf<{ upscaleFactor: number }>('PixelShuffle', { upscaleFactor: COUNT }, { required: 1 });
const PIXEL_UNSHUFFLE = layerOf<{ downscaleFactor: number }>('PixelUnshuffle', { downscaleFactor: COUNT }, { required: 1 });

/** Makes of each r² channels one of r times the height and width. */
export class PixelShuffle<const out R extends number = number> extends Layer<PixelShuffleFn<R>> {
  readonly upscaleFactor: R;

  /** @throws ArgumentError for a factor that is not whole and positive */
  constructor(upscaleFactor: R | { readonly upscaleFactor: R });
  constructor(...args: readonly unknown[]) {
    super();
    this.upscaleFactor = readCall(PIXEL_SHUFFLE, args).upscaleFactor as R;
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
  constructor(downscaleFactor: R | { readonly downscaleFactor: R });
  constructor(...args: readonly unknown[]) {
    super();
    this.downscaleFactor = readCall(PIXEL_UNSHUFFLE, args).downscaleFactor as R;
  }

  protected override run(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.downscaleFactor as number);
  }

  override extraRepr(): string {
    return `downscale_factor=${this.downscaleFactor}`;
  }
}
