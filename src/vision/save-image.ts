/** Pictures to disk (torchvision: `utils.save_image`). Node only. */
import { extname } from 'node:path';
import { PATH, requireKind } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { writeFileAtomic } from '../io/bytes/atomic-write.ts';
import { encodeImage } from '../io/image/encode.ts';
import { Image } from '../io/image/image.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { imageOf, makeGrid, type MakeGridOptions } from './make-grid.ts';

/**
 * Writes an image, or several in one grid, as a PNG or JPEG file, whichever its ending says.
 *
 * @param images - what `makeGrid` takes, or an Image
 * @throws ArgumentError for a path with another ending than `.png`, `.jpg` or `.jpeg`
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { rand } from 'flambeau';
 * import { saveImage } from 'flambeau/node';
 *
 * saveImage(rand(16, 3, 8, 8), join(mkdtempSync(join(tmpdir(), 'grid-')), 'samples.png'), { nrow: 4 });
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.utils.save_image.html
 */
export function saveImage(images: Tensor | readonly Tensor[] | Image, path: string, options: MakeGridOptions = {}): void {
  requireKind('saveImage', 'the path', path, PATH);
  const ending = extname(path).toLowerCase();
  const isJpeg = ending === '.jpg' || ending === '.jpeg';
  if (ending !== '.png' && !isJpeg)
    throw new ArgumentError(
      `saveImage: expected a path that ends in .png, .jpg or .jpeg, but got ${JSON.stringify(path)}; other kinds of files are not written`,
    );
  const image = images instanceof Image ? images : imageOf(makeGrid(images, options));
  writeFileAtomic(path, encodeImage(image, { format: isJpeg ? 'jpeg' : 'png' }));
}
