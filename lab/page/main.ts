/** The program of the one page that a network can be taken away as: the library's page for pictures, with a network of blocks in it. */
import type { Image } from 'flambeau/vision';
import { unpackWeights } from '../../src/train/export/page-data.ts';
import { startPage } from '../../src/train/export/page-app.ts';
import { build } from '../core/build.ts';
import { normalised, pictureTensor } from '../core/dataset.ts';
import type { PageDescription } from '../core/take/files.ts';
import { decodePictures, type DecodedPicture } from '../worker/picture-functions.ts';

/** The middle of a picture, as the laboratory keeps pictures. */
function squared(image: Image): DecodedPicture {
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
  const input = (picture: DecodedPicture) => normalised(pictureTensor(picture, spec));
  return {
    network: (x) => network(x),
    classes,
    inputOf: (image) => input(squared(image)),
    readInput: async (file) => {
      const [picture] = await decodePictures([new Blob([file as BlobPart])]);
      if (picture === undefined || 'problem' in picture) throw new Error(picture?.problem ?? 'it is not a picture');
      return input(picture);
    },
  };
});
