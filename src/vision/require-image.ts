/** The check of what transforms and functions of images take. */
import { show } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { Image } from '../io/image/image.ts';

/** @throws {@link ArgumentError} unless the value is an image. */
export function requireImage(operation: string, value: unknown): Image {
  if (value instanceof Image) return value;
  throw new ArgumentError(`${operation}: expected an Image, but got ${show(value)}; put this transform before ToTensor()`);
}
