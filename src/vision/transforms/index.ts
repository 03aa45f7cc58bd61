/** The transforms, by torchvision's names, and how one is made again from its description. */
import { kind, requireKind } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import type { TransformDescription, TransformLike } from './base.ts';
import { Grayscale, Normalize, ToTensor } from './colour.ts';
import { Compose } from './compose.ts';
import {
  CenterCrop,
  Pad,
  RandomCrop,
  RandomHorizontalFlip,
  RandomRotation,
  RandomVerticalFlip,
  Resize,
} from './geometry.ts';

export { ImageTransform, Transform, type TransformDescription, type TransformLike } from './base.ts';
export { Grayscale, Normalize, ToTensor } from './colour.ts';
export { Compose } from './compose.ts';
export {
  CenterCrop,
  Pad,
  RandomCrop,
  RandomHorizontalFlip,
  RandomRotation,
  RandomVerticalFlip,
  Resize,
  type PadOptions,
  type RandomCropOptions,
  type ResizeOptions,
} from './geometry.ts';

const DESCRIPTION = kind('{ name, args }', (value) => {
  const { name, args } = (value ?? {}) as { readonly name?: unknown; readonly args?: unknown };
  return typeof name === 'string' && Array.isArray(args) && (name !== 'Compose' || Array.isArray(args[0]));
});

type Maker = (args: readonly never[]) => TransformLike;
const maker =
  <A extends readonly unknown[]>(Class: new (...args: A) => TransformLike): Maker =>
  (args) =>
    new Class(...(args as unknown as A));

const MAKERS: Readonly<Record<string, Maker>> = {
  CenterCrop: maker(CenterCrop),
  Compose: (args) => new Compose((args[0]! as readonly TransformDescription[]).map(reviveTransform)),
  Grayscale: maker(Grayscale),
  Normalize: maker(Normalize),
  Pad: maker(Pad),
  RandomCrop: maker(RandomCrop),
  RandomHorizontalFlip: maker(RandomHorizontalFlip),
  RandomRotation: maker(RandomRotation),
  RandomVerticalFlip: maker(RandomVerticalFlip),
  Resize: maker(Resize),
  ToTensor: maker(ToTensor),
};

/**
 * Makes a transform again from its description.
 *
 * @throws {@link ArgumentError} for a class that is not one of the library's
 */
export function reviveTransform(description: TransformDescription): TransformLike {
  requireKind('reviveTransform', 'the description', description, DESCRIPTION);
  const { name, args } = description;
  const make = Object.hasOwn(MAKERS, name) ? MAKERS[name] : undefined;
  if (make === undefined) {
    throw new ArgumentError(
      `DataLoader: the transform ${name} is not one of the library's, so it cannot run in a worker; use numWorkers: 0`,
    );
  }
  return make(args as readonly never[]);
}
