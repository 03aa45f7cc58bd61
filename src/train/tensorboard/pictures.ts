/** Tensors as the pictures that TensorBoard shows, arranged as PyTorch's writer arranges them. */
import { ShapeError } from '../../base/errors.ts';
import { showShape } from '../../base/shape.ts';
import { Image } from '../../io/image/image.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** Pictures in a row of `addImages`. */
const COLUMNS = 8;

/**
 * One picture of a tensor whose dimensions are named by letters: N pictures side by side in rows of eight, C channels (1 or 3), H and W. Floating-point values are from 0 to
 * 1, others from 0 to 255; what is beyond is cut off.
 */
export function pictureOf(op: string, tensor: Tensor, format: string): Image {
  const letters = format.toUpperCase();
  const order = 'NCHW'.split('').filter((letter) => letters.includes(letter));
  if (letters.length !== tensor.dim() || order.length !== letters.length || !/H/.test(letters) || !/W/.test(letters)) {
    throw new ShapeError(
      `${op}: expected a tensor whose dimensions are ${letters}, but got the shape ${showShape(tensor.layout.shape)}; say with { dataformats: 'HWC' } what they are`,
    );
  }
  const sorted = tensor.detach().permute(...order.map((letter) => letters.indexOf(letter)));
  const size = (letter: string): number => (order.includes(letter) ? sorted.size(order.indexOf(letter)) : 1);
  const [n, channels, height, width] = ['N', 'C', 'H', 'W'].map(size) as [number, number, number, number];
  if (channels !== 1 && channels !== 3)
    throw new ShapeError(
      `${op}: expected 1 or 3 channels, but got ${channels}; take some of them, such as x.narrow(-3, 0, 3), without the alpha channel`,
    );
  const scale = tensor.isFloatingPoint() ? 255 : 1;
  const values = sorted.contiguous().toTypedArray() as ArrayLike<number | bigint>;
  const columns = Math.max(Math.min(n, COLUMNS), 1);
  const [rows, wide] = [Math.ceil(n / columns), columns * width];
  const data = new Uint8Array(rows * height * wide * 3);
  let from = 0;
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        let to = ((Math.floor(i / columns) * height + y) * wide + (i % columns) * width) * 3 + c;
        for (let x = 0; x < width; x++, to += 3) {
          const byte = Math.min(Math.max(Math.fround(Math.fround(Number(values[from++])) * scale), 0), 255);
          data[to] = byte;
          if (channels === 1) data[to + 1] = data[to + 2] = byte;
        }
      }
    }
  }
  return new Image(wide, rows * height, 3, data);
}
