/**
 * CIFAR-10: 32×32 colour pictures of ten classes, in its binary version: records of one byte for the class and 3 × 1024 for the red,
 * green and blue values (https://www.cs.toronto.edu/~kriz/cifar.html).
 */
import { OPTIONS, requireKind } from '../../base/arguments.ts';
import { FormatError } from '../../base/errors.ts';
import { sharedBytes } from '../../io/archive/file-set.ts';
import type { Image } from '../../io/image/image.ts';
import { openFiles, type FileSource } from '../../io/archive/open-files.ts';
import { ImageDataset, type ImageDatasetOptions } from './image-dataset.ts';
import { PixelSource } from './source.ts';

const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];
const PIXELS = 32 * 32;
const RECORD = 1 + 3 * PIXELS;

/** Options of {@link CIFAR10.open}. */
export interface Cifar10Options<O> extends ImageDatasetOptions<O> {
  /** The 50,000 training pictures (default) or the 10,000 for testing. */
  readonly train?: boolean;
}

/** Small pictures of ten classes. Open them with {@link CIFAR10.open}. */
export class CIFAR10<O = Image> extends ImageDataset<O> {
  /**
   * Opens the files `data_batch_1.bin` … `data_batch_5.bin`, or `test_batch.bin`, in a folder, in its folder `cifar-10-batches-bin`, or
   * in the archive `cifar-10-binary.tar.gz`. A part of the training batches will do.
   *
   * @throws ArgumentError when there is nothing at the path
   * @throws {@link FormatError} when there is no batch file, or one is damaged
   */
  static async open<O = Image>(root: FileSource, options: Cifar10Options<O> = {}): Promise<CIFAR10<O>> {
    requireKind('CIFAR10.open', 'options', options, OPTIONS);
    const wanted =
      options.train === false
        ? /^(cifar-10-batches-bin\/)?test_batch\.bin$/
        : /^(cifar-10-batches-bin\/)?data_batch_[1-5]\.bin$/;
    const { files } = await openFiles(root, { keep: (name) => wanted.test(name), maxDepth: 1 });
    const names = files.names.filter((name) => wanted.test(name)).sort();
    if (names.length === 0) {
      const expected = options.train === false ? 'test_batch.bin' : 'data_batch_1.bin … data_batch_5.bin';
      throw new FormatError(
        `CIFAR10: there is no ${expected} in ${JSON.stringify(files.name)}; take the binary version of the data set`,
      );
    }
    const batches = names.map((name) => ({ name, bytes: files.read(files.names.indexOf(name)) }));
    for (const { name, bytes } of batches) checkBatch(name, bytes);
    const count = batches.reduce((sum, { bytes }) => sum + bytes.length / RECORD, 0);
    const pixels = sharedBytes(count * 3 * PIXELS);
    const targets: number[] = [];
    for (const { bytes } of batches) {
      for (let at = 0; at < bytes.length; at += RECORD) {
        interleave(bytes.subarray(at + 1, at + RECORD), pixels, targets.length * 3 * PIXELS);
        targets.push(bytes[at]!);
      }
    }
    const place = typeof root === 'string' ? root : undefined;
    const source = new PixelSource('CIFAR-10 picture', { width: 32, height: 32, channels: 3 }, pixels, place);
    return new CIFAR10(source, targets, CLASSES, options);
  }
}

function checkBatch(name: string, bytes: Uint8Array): void {
  if (bytes.length === 0 || bytes.length % RECORD !== 0) {
    throw new FormatError(
      `CIFAR10: ${JSON.stringify(name)} has ${bytes.length} bytes, expected a multiple of ${RECORD}; it is damaged, fetch it again`,
    );
  }
  for (let at = 0; at < bytes.length; at += RECORD) {
    if (bytes[at]! > 9)
      throw new FormatError(
        `CIFAR10: ${JSON.stringify(name)}: record ${at / RECORD} has class ${bytes[at]!}, expected 0 to 9`,
      );
  }
}

/** Red, green and blue planes to pixels. */
function interleave(planes: Uint8Array, out: Uint8Array, from: number): void {
  for (let p = 0, o = from; p < PIXELS; p++, o += 3) {
    out[o] = planes[p]!;
    out[o + 1] = planes[PIXELS + p]!;
    out[o + 2] = planes[2 * PIXELS + p]!;
  }
}
