/**
 * Image files as a trained network sees them: turned as the camera was held, and large photographs decoded at a half, a quarter or an eighth, just as training and
 * evaluation read them, so that a picture has the same probabilities wherever they are asked for.
 */
import { COUNT, kind, requireKind, requireOptions, TEXT, type OptionKinds } from '../base/arguments.ts';
import { bytesOf, type ByteInput } from '../base/bytes.ts';
import { decodeImage, loadDecoderOf } from '../io/image/decode.ts';
import type { Image } from '../io/image/image.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { resizedFileSync } from '../vision/resized-file.ts';
import type { ImageSpec } from './models.ts';
import { fittedResizing, preprocess, sizeBefore } from './preprocess.ts';

export interface ReadInputOptions {
  /** What messages call the file. */
  readonly name?: string;
  /** Most pixels, default 178,956,970. */
  readonly maxPixels?: number;
}

type Spec = Pick<ImageSpec, 'channels' | 'height' | 'width' | 'normalization' | 'resize'>;

const SPEC = kind("a checkpoint's spec", (value) => [1, 3].includes((value as Partial<Spec> | null)?.channels ?? 0));
const OPTIONS: OptionKinds<ReadInputOptions> = { name: TEXT, maxPixels: COUNT };

/** The image in a file, brought to the size that {@link preprocess} begins with. Files of grey networks are decoded whole. */
async function fittedFile(file: Uint8Array, spec: Spec, options: ReadInputOptions): Promise<Image> {
  const choose = fittedResizing(sizeBefore(spec));
  const decoding = { ...options, orientation: true } as const;
  if (spec.channels === 1) return decodeImage(file, { ...decoding, mode: 'L' });
  await loadDecoderOf(file, true);
  return resizedFileSync(file, decoding, choose, true);
}

/**
 * What a trained network takes of an image file: [channels, height, width], with the values that it has in training, evaluation and `flambeau predict`.
 *
 * @param file - a JPEG, PNG, WebP, GIF, BMP, TIFF or PNM file
 * @param spec - what the checkpoint says of its images
 * @throws FormatError when it is damaged or no image
 * @example
 * import { readInput } from 'flambeau/node';
 *
 * const file = new TextEncoder().encode('P5 2 1 255 \u0000~');
 * const x = await readInput(file, { channels: 3, height: 8, width: 8, classes: 2 });
 * console.log(x.shape); // [ 3, 8, 8 ]
 */
export async function readInput(
  file: ByteInput,
  spec: Spec & { readonly classes?: number },
  options: ReadInputOptions = {},
): Promise<Tensor> {
  const bytes = bytesOf('readInput', file);
  requireKind('readInput', 'the spec', spec, SPEC, 'give what loading a checkpoint gave as spec');
  const given = requireOptions<ReadInputOptions>('readInput', options, OPTIONS, "{ name: 'cat.jpg' }");
  return preprocess(spec)(await fittedFile(bytes, spec, given));
}
