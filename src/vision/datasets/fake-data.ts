/**
 * Pictures of noise with random classes, for trying things out
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.FakeData.html): the same as torchvision's.
 */
import { OPTIONS, requireKind } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { Image } from '../../io/image/image.ts';
import { randint, randn } from '../../tensor/create.ts';
import { Generator } from '../../tensor/random/index.ts';
import type { ImageDatasetOptions } from './image-dataset.ts';
import { ImageTargets } from './image-targets.ts';
import type { ImageSource } from './source.ts';

/** Options of {@link FakeData}. */
export interface FakeDataOptions<O, T = number> extends ImageDatasetOptions<O, T> {
  /** How many pictures, default 1000. */
  readonly size?: number;
  /** Channels (1 or 3), height and width, default `[3, 224, 224]`. */
  readonly imageSize?: readonly [channels: number, height: number, width: number];
  /** How many classes, default 10. */
  readonly numClasses?: number;
  /** Added to a picture's number to make its seed, default 0. */
  readonly randomOffset?: number;
}

/**
 * Pictures of noise, each made when it is asked for, from a seed of its own.
 *
 * @throws {@link ArgumentError} for sizes that are none
 * @example
 * ```ts
 * import { FakeData } from 'flambeau/vision';
 *
 * const fake = new FakeData({ size: 4, imageSize: [3, 8, 8] });
 * console.log(fake.length, String(fake.get(0)[0])); // 4 Image(8x8, RGB)
 * ```
 */
export class FakeData<O = Image, T = number> extends ImageTargets<Image, O, number, T> {
  /** Names of the classes: their numbers. */
  readonly classes: readonly string[];

  constructor(options: FakeDataOptions<O, T> = {}) {
    requireKind('FakeData', 'options', options, OPTIONS);
    const { size = 1000, imageSize = [3, 224, 224], numClasses = 10, randomOffset = 0 } = options;
    const [channels, height, width] = imageSize;
    const whole = [size, numClasses, height, width].every((n) => Number.isInteger(n) && n >= 1);
    if (!whole || (channels !== 1 && channels !== 3) || !Number.isInteger(randomOffset) || randomOffset < 0)
      throw new ArgumentError(
        `FakeData: expected a size, a number of classes and sizes [1 or 3, height, width] of at least 1 and an offset of at least 0, but got ${JSON.stringify({ size, imageSize, numClasses, randomOffset })}`,
      );
    let last: Picture | undefined;
    const draw = (index: number): Picture => {
      if (last?.index === index) return last;
      const generator = new Generator().manualSeed(index + randomOffset);
      const noise = randn([channels, height, width], { generator }).toTypedArray() as Float32Array;
      const target = Number(randint(0, numClasses, [1], { generator }).toTypedArray()[0]);
      return (last = { index, image: new Image(width, height, channels, bytesOf(noise, channels)), target });
    };
    const source: ImageSource = {
      place: undefined,
      load: (index) => draw(index).image,
      name: (index) => `fake picture ${index}`,
      describe: () => {
        throw new ArgumentError('DataLoader: FakeData is made where it is asked for; use numWorkers: 0');
      },
    };
    super('FakeData', source, size, (index) => draw(index).target, options);
    this.classes = Array.from({ length: numClasses }, (_, i) => String(i));
  }
}

interface Picture {
  readonly index: number;
  readonly image: Image;
  readonly target: number;
}

/** As `ToPILImage` makes bytes of floats: times 255, cut to a whole number, of which the lowest eight bits count. */
function bytesOf(noise: Float32Array, channels: number): Uint8Array {
  const plane = noise.length / channels;
  const bytes = new Uint8Array(noise.length);
  for (let c = 0; c < channels; c++)
    for (let p = 0; p < plane; p++) bytes[p * channels + c] = Math.trunc(Math.fround(noise[c * plane + p]! * 255)) & 255;
  return bytes;
}
