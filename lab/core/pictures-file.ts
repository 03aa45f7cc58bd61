/** Pictures and labels as a file that the shown programs load. */
import { serialize } from 'flambeau/files';
import { pictureSet } from './dataset.ts';
import type { NetworkSpec, Picture } from './spec.ts';

/**
 * pictures.pt: a dictionary with `train_images` and `valid_images` (uint8 [N, channels, size, size]), `train_labels` and `valid_labels` (int64 [N]),
 * as `torch.load` reads it.
 */
export function picturesFile(pictures: readonly Picture[], network: NetworkSpec): Uint8Array {
  const [train, valid] = [pictureSet(pictures, 'train', network), pictureSet(pictures, 'valid', network)];
  return serialize({
    train_images: train.images,
    train_labels: train.labels,
    valid_images: valid.images,
    valid_labels: valid.labels,
  });
}
