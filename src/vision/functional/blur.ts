/** Blurring with Gauss's bell, as torchvision's tensors do it: reflected at the edges, in float32, rounded for whole numbers. */
import { ArgumentError } from '../../base/errors.ts';
import { roundHalfEven } from '../../io/image/round.ts';
import { sameKind, type Planes } from './planes.ts';

/** The weights of a bell over so many pixels. */
function bell(size: number, sigma: number): Float64Array {
  const reach = (size - 1) / (2 * Math.SQRT2);
  const weights = new Float64Array(size);
  let sum = 0;
  for (let i = 0; i < size; i++) {
    const x = size === 1 ? -reach : -reach + (2 * reach * i) / (size - 1);
    weights[i] = Math.exp(-((x / sigma) ** 2));
    sum += weights[i]!;
  }
  return weights.map((weight) => weight / sum);
}

/** Where a pixel is found that lies outside: mirrored at the last one. */
const reflected = (place: number, size: number): number => {
  const at = Math.abs(place);
  return at < size ? at : 2 * (size - 1) - at;
};

/** One plane blurred along rows and columns; `across` and `down` are bells of odd sizes. */
function blurredPlane(
  data: ArrayLike<number>,
  from: number,
  height: number,
  width: number,
  across: Float64Array,
  down: Float64Array,
): Float64Array {
  const rows = new Float64Array(height * width);
  const columns = Int32Array.from({ length: width + across.length - 1 }, (_, i) => reflected(i - (across.length >> 1), width));
  for (let y = 0, o = 0; y < height; y++) {
    const row = from + y * width;
    for (let x = 0; x < width; x++, o++) {
      let sum = 0;
      for (let k = 0; k < across.length; k++) sum += data[row + columns[x + k]!]! * across[k]!;
      rows[o] = sum;
    }
  }
  const out = new Float64Array(height * width);
  for (let y = 0; y < height; y++) {
    for (let k = 0; k < down.length; k++) {
      const row = reflected(y + k - (down.length >> 1), height) * width;
      const weight = down[k]!;
      for (let x = 0; x < width; x++) out[y * width + x]! += rows[row + x]! * weight;
    }
  }
  return out;
}

function requireRoom(op: string, [across, down]: readonly [number, number], height: number, width: number): void {
  if (across >> 1 < width && down >> 1 < height) return;
  throw new ArgumentError(
    `${op}: a kernel of ${across}x${down} (width x height) needs more pixels than the ${width}x${height} that there are; choose a smaller one`,
  );
}

/** Float32 values, blurred. */
export function blurredFloats(
  op: string,
  data: Float32Array,
  height: number,
  width: number,
  kernel: readonly [number, number],
  sigma: readonly [number, number],
): Float32Array {
  requireRoom(op, kernel, height, width);
  return Float32Array.from(blurredPlane(data, 0, height, width, bell(kernel[0], sigma[0]), bell(kernel[1], sigma[1])));
}

/** Planes, blurred; whole numbers are rounded. */
export function blurred(
  op: string,
  p: Planes,
  kernel: readonly [number, number],
  sigma: readonly [number, number],
  isWhole: boolean,
): Planes {
  requireRoom(op, kernel, p.height, p.width);
  const [across, down] = [bell(kernel[0], sigma[0]), bell(kernel[1], sigma[1])];
  const size = p.height * p.width;
  const data = sameKind(p.data, p.data.length);
  for (let plane = 0; plane < p.outer; plane++) {
    const out = blurredPlane(p.data, plane * size, p.height, p.width, across, down);
    for (let i = 0; i < size; i++) data[plane * size + i] = isWhole ? roundHalfEven(out[i]!) : out[i]!;
  }
  return { ...p, data };
}
