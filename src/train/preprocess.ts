/** How images become a network's input: the second tutorial's transforms, and resizing where that is needed. */
import { BOOL, COUNT, kind, NOT_NEGATIVE, oneOf, PROBABILITY, requireKind, requireOptions, SIZE, type OptionKinds } from '../base/arguments.ts'; // prettier-ignore
import type { Image } from '../io/image/image.ts';
import { roundHalfEven } from '../io/image/round.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { resizedSize } from '../vision/functional/shape.ts';
import type { Resizing } from '../vision/resize.ts';
import {
  CenterCrop,
  Compose,
  Normalize,
  RandAugment,
  RandomCrop,
  RandomHorizontalFlip,
  RandomResizedCrop,
  RandomRotation,
  Resize,
  ToTensor,
  TrivialAugmentWide,
  type Transform,
  type TransformLike,
} from '../vision/transforms/index.ts';
import type { ImageSpec } from './models.ts';

/** Random changes while training. */
export interface Augmentation {
  /** Exchange left and right in half of the images. */
  readonly flip: boolean;
  /** Turn by up to so many degrees either way; 0 for not at all. */
  readonly rotation: number;
  /** Shift by up to so many pixels, with the edges reflected; default 0. */
  readonly shift?: number | undefined;
  /** Cut out a stretch of at least this part of the image and bring it to size; default 1: the whole. */
  readonly crop?: number | undefined;
  /** Changes of colour and form drawn as these methods draw them; default none. */
  readonly policy?: 'randaugment' | 'trivial-augment' | undefined;
}

const AUGMENTATION: OptionKinds<Augmentation> = {
  flip: BOOL,
  rotation: NOT_NEGATIVE,
  shift: SIZE,
  crop: PROBABILITY,
  policy: oneOf('randaugment', 'trivial-augment'),
};
const SIZES = kind('{ channels, height, width }', (value) => {
  const { channels, height, width } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return [channels, height, width].every(COUNT.accepts);
});

/** The second tutorial's. */
export const TUTORIAL_AUGMENTATION: Augmentation = { flip: true, rotation: 10 };

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Mean and standard deviation for each channel. */
export function normalizationOf({ channels, normalization = 'half' }: Pick<ImageSpec, 'channels' | 'normalization'>): {
  readonly mean: readonly number[];
  readonly std: readonly number[];
} {
  if (normalization === 'imagenet' && channels === 3) return IMAGENET;
  const half = new Array<number>(channels).fill(0.5);
  return { mean: half, std: half };
}

/** The size of what is cut from, and kept of images that are read once for all epochs. */
export function sizeBefore({ height, width, resize }: Pick<ImageSpec, 'height' | 'width' | 'resize'>): {
  readonly height: number;
  readonly width: number;
} {
  const scale = resize === undefined ? 1 : resize / Math.min(height, width);
  return { height: Math.round(height * scale), width: Math.round(width * scale) };
}

/** To a size: the shorter edge fits, and the middle is cut out; to one that is no square, all of the image. */
export const fitted = ({ height, width }: { readonly height: number; readonly width: number }): ((image: Image) => Image)[] =>
  height === width ? [new Resize(height), new CenterCrop(height)] : [new Resize([height, width])];

/** What {@link fitted} does as one resizing, for which a smaller picture of a JPEG file is taken. */
export const fittedResizing =
  ({ height, width }: { readonly height: number; readonly width: number }) =>
  (w: number, h: number): Resizing => {
    const box = { left: 0, top: 0, width: w, height: h };
    const common = { box, interpolation: 'bilinear', reduced: true } as const;
    if (height !== width) return { ...common, width, height };
    const [newHeight, newWidth] = resizedSize('Resize', [h, w], height);
    const window = {
      left: roundHalfEven((newWidth - width) / 2),
      top: roundHalfEven((newHeight - height) / 2),
      width,
      height,
    };
    return { ...common, width: newWidth, height: newHeight, window };
  };

/**
 * From images with the right number of channels to float32 tensors [channels, height, width] with values from -1 to 1, or as ImageNet's weights expect. Images
 * of another size are scaled until their shorter edge fits, and cut to the middle; those that fit already pass unchanged. Training, evaluation and
 * {@link readInput} decode large JPEG files at a part of their size, so their pixels are a little other than those of whole images that come here.
 */
export function preprocess(
  spec: Pick<ImageSpec, 'channels' | 'height' | 'width' | 'normalization' | 'resize'>,
  augmentation?: Augmentation,
): Transform<Image, Tensor> {
  requireKind('preprocess', 'the size', spec, SIZES, 'write { channels: 3, height: 32, width: 32 }');
  if (augmentation !== undefined) requireOptions<Augmentation>('preprocess', augmentation, AUGMENTATION, '{ flip: true, rotation: 10 }');
  const { height, width } = spec;
  const { mean, std } = normalizationOf(spec);
  const { crop = 1, shift = 0, policy } = augmentation ?? {};
  const steps: TransformLike[] = [...fitted(sizeBefore(spec))];
  if (crop < 1) steps.push(new RandomResizedCrop([height, width], { scale: [crop, 1] }));
  else if (spec.resize !== undefined)
    steps.push(augmentation === undefined ? new CenterCrop([height, width]) : new RandomCrop([height, width]));
  if (shift > 0) steps.push(new RandomCrop([height, width], { padding: shift, paddingMode: 'reflect' }));
  if (augmentation?.flip === true) steps.push(new RandomHorizontalFlip());
  if (augmentation !== undefined && augmentation.rotation > 0) steps.push(new RandomRotation(augmentation.rotation));
  if (policy !== undefined) steps.push(policy === 'randaugment' ? new RandAugment() : new TrivialAugmentWide());
  steps.push(new ToTensor(), new Normalize(mean, std));
  return new Compose(steps) as unknown as Transform<Image, Tensor>;
}
