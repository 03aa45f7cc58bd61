/** How images become a network's input: the second tutorial's transforms, and resizing where that is needed. */
import { BOOL, COUNT, kind, NOT_NEGATIVE, requireKind, requireOptions, type OptionKinds } from '../base/arguments.ts';
import type { Image } from '../io/image/image.ts';
import type { Tensor } from '../tensor/tensor.ts';
import {
  CenterCrop,
  Compose,
  Normalize,
  RandomHorizontalFlip,
  RandomRotation,
  Resize,
  ToTensor,
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
}

const AUGMENTATION: OptionKinds<Augmentation> = { flip: BOOL, rotation: NOT_NEGATIVE };
const SIZES = kind('{ channels, height, width }', (value) => {
  const { channels, height, width } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return [channels, height, width].every(COUNT.accepts);
});

/** The second tutorial's. */
export const TUTORIAL_AUGMENTATION: Augmentation = { flip: true, rotation: 10 };

/**
 * From images with the right number of channels to float32 tensors [channels, height, width] with values from -1 to 1. Images
 * of another size are scaled until their shorter edge fits, and cut to the middle; those that fit already pass unchanged.
 */
export function preprocess(
  spec: Pick<ImageSpec, 'channels' | 'height' | 'width'>,
  augmentation?: Augmentation,
): Transform<Image, Tensor> {
  requireKind('preprocess', 'the size', spec, SIZES, 'write { channels: 3, height: 32, width: 32 }');
  if (augmentation !== undefined)
    requireOptions<Augmentation>('preprocess', augmentation, AUGMENTATION, '{ flip: true, rotation: 10 }');
  const { channels, height, width } = spec;
  const half = new Array<number>(channels).fill(0.5);
  const steps: TransformLike[] = height === width ? [new Resize(height), new CenterCrop(height)] : [new Resize([height, width])]; // prettier-ignore
  if (augmentation?.flip === true) steps.push(new RandomHorizontalFlip());
  if (augmentation !== undefined && augmentation.rotation > 0) steps.push(new RandomRotation(augmentation.rotation));
  steps.push(new ToTensor(), new Normalize(half, half));
  return new Compose(steps) as unknown as Transform<Image, Tensor>;
}
