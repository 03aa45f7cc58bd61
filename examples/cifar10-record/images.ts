/**
 * CIFAR-10 in memory as bytes, and batches of it: shifted by up to two pixels, every image mirrored in every other epoch (Jordan,
 * arXiv:2404.00498, section 3.6), or as they are.
 */
import { fromTypedArray, randint, randperm, tensor, type Tensor } from 'flambeau';
import type { ImageDataset } from 'flambeau/vision';

const SIDE = 32;
const CHANNELS = 3;
/** How far images are shifted; they are reflected at their edges by as much. */
const SHIFT = 2;
const PADDED = SIDE + 2 * SHIFT;
/** Mean and standard deviation of the training set's channels. */
const MEAN = [0.4914, 0.4822, 0.4465];
const STD = [0.247, 0.2435, 0.2616];
/** Bytes as normalised floats, by channel. */
const FLOATS = MEAN.map((mean, c) => Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - mean) / STD[c]!));

export class Images {
  readonly length: number;
  readonly #labels: Float64Array;
  /** [N, channels, PADDED, PADDED]. */
  readonly #pixels: Uint8Array;
  /** Which images are mirrored in even epochs. */
  readonly #mirrored: ArrayLike<number | bigint>;

  /** Decodes a data set; `onRead` is told how many images are done. */
  constructor(dataset: ImageDataset, onRead: (done: number) => void) {
    this.length = dataset.length;
    this.#labels = Float64Array.from(dataset.targets);
    this.#pixels = new Uint8Array(this.length * CHANNELS * PADDED * PADDED);
    for (let i = 0; i < this.length; i++) {
      this.#place(dataset.image(i).data, i);
      if (i % 500 === 0) onRead(i);
    }
    this.#mirrored = randint(0, 2, [this.length]).toTypedArray();
  }

  /** Image `i` with its edges reflected, a channel at a time. */
  #place(data: Uint8Array, i: number): void {
    const inside = (at: number): number => (at < 0 ? -at : at >= SIDE ? 2 * SIDE - 2 - at : at);
    let to = i * CHANNELS * PADDED * PADDED;
    for (let c = 0; c < CHANNELS; c++) {
      for (let y = -SHIFT; y < SIDE + SHIFT; y++) {
        const row = inside(y) * SIDE;
        for (let x = -SHIFT; x < SIDE + SHIFT; x++) this.#pixels[to++] = data[(row + inside(x)) * CHANNELS + c]!;
      }
    }
  }

  /** Batches of an epoch in random order with augmentation; the rest that fills no batch is left out. */
  *epoch(number: number, batch: number): Generator<[Tensor, Tensor]> {
    const order = randperm(this.length).toTypedArray();
    for (let start = 0; start + batch <= this.length; start += batch) {
      const shifts = randint(0, 2 * SHIFT + 1, [batch, 2]).toTypedArray();
      const images = Array.from({ length: batch }, (_, i) => Number(order[start + i]));
      yield this.#batch(images, (i) => {
        const mirror = (Number(this.#mirrored[images[i]!]) + number) % 2 === 1;
        return { dy: Number(shifts[2 * i]), dx: Number(shifts[2 * i + 1]), mirror };
      });
    }
  }

  /** The images `from` … `to`, shifted down and right by so many pixels and mirrored if so wanted. */
  range(from: number, to: number, { dy = 0, dx = 0, mirror = false } = {}): [Tensor, Tensor] {
    const indices = Array.from({ length: to - from }, (_, i) => from + i);
    const view = { dy: SHIFT - dy, dx: SHIFT - dx, mirror };
    return this.#batch(indices, () => view);
  }

  #batch(images: readonly number[], view: (i: number) => { dy: number; dx: number; mirror: boolean }): [Tensor, Tensor] {
    const floats = new Float32Array(images.length * CHANNELS * SIDE * SIDE);
    let to = 0;
    images.forEach((image, i) => {
      const { dy, dx, mirror } = view(i);
      const step = mirror ? -1 : 1;
      for (let c = 0; c < CHANNELS; c++) {
        const values = FLOATS[c]!;
        for (let y = 0; y < SIDE; y++) {
          let at = ((image * CHANNELS + c) * PADDED + y + dy) * PADDED + dx + (mirror ? SIDE - 1 : 0);
          for (let x = 0; x < SIDE; x++, at += step) floats[to++] = values[this.#pixels[at]!]!;
        }
      }
    });
    const labels = images.map((image) => this.#labels[image]!);
    return [fromTypedArray(floats, [images.length, CHANNELS, SIDE, SIDE]), tensor(labels, { dtype: 'int64' })];
  }
}
