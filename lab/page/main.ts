/** The program of the one page that a network can be taken away as: the library's page for pictures, with a network of blocks in it. */
import { decodeImage, Image } from 'flambeau/vision';
import { unpackWeights } from '../../src/train/export/page-data.ts';
import { startPage } from '../../src/train/export/page-app.ts';
import { build } from '../core/build.ts';
import { normalised, pictureTensor } from '../core/dataset.ts';
import type { PageDescription } from '../core/take/files.ts';

/** The middle of a picture, as the laboratory keeps pictures. */
function squared(image: Image): { readonly size: number; readonly rgb: Uint8Array } {
  const { width, height, data } = image.convert('RGB');
  const size = Math.min(width, height);
  const [left, top] = [Math.floor((width - size) / 2), Math.floor((height - size) / 2)];
  const rgb = new Uint8Array(size * size * 3);
  for (let row = 0; row < size; row++) {
    const start = ((row + top) * width + left) * 3;
    rgb.set(data.subarray(start, start + size * 3), row * size * 3);
  }
  return { size, rgb };
}

startPage((given, weights) => {
  const { spec, classes, ...packed } = given as PageDescription;
  const { network, error } = build(spec, classes.length, 0);
  if (error !== undefined) throw new Error(error);
  unpackWeights(network, packed, weights);
  const inputOf = (image: Image) => normalised(pictureTensor(squared(image), spec));
  return {
    network: (x) => network(x),
    classes,
    inputOf,
    readInput: async (file, name) => inputOf(await decodeImage(file, { name, orientation: true })),
  };
});
