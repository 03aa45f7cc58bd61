/** Which parts of a picture speak for a class: Grad-CAM, and covering the picture piece by piece. */
import { noGrad, nn, type Tensor } from 'flambeau';
import { gradCam } from 'flambeau/inspect';
import { evaluated, floats } from './look.ts';

/** A map over the picture, row by row. */
export interface Heat {
  readonly height: number;
  readonly width: number;
  readonly values: Float32Array;
}

/** Grad-CAM of a class, at the size of the maps of the network's last convolution (or of another layer). */
export function classHeat(network: nn.Sequential, x: Tensor, target: number, layer?: nn.Module): Heat {
  const { map } = gradCam(network, x, layer === undefined ? { target } : { target, layer });
  const [height, width] = map.shape as readonly [number, number];
  return { height, width, values: floats(map) };
}

/** A square of grey that is moved over the picture. */
export interface Cover {
  readonly side: number;
  readonly stride: number;
}

/** How many places the square takes along a side of the picture. */
export const coverPlaces = (size: number, { side, stride }: Cover): number => Math.max(1, Math.ceil((size - side) / stride) + 1);

/**
 * By how much the probability of a class falls when the square covers places `from` to `to` (counted row by row); negative where it rises.
 *
 * @param x - float32 [1, channels, size, size]
 */
export function coveredFalls(network: nn.Sequential, x: Tensor, target: number, cover: Cover, from: number, to: number): Float32Array {
  const size = x.size(-1);
  const places = coverPlaces(size, cover);
  const end = Math.min(to, places * places);
  if (end <= from) return new Float32Array(0);
  return evaluated(network, () =>
    noGrad(() => {
      const [, channels] = x.shape as readonly number[];
      const covered = x.expand(end - from, channels!, size, size).clone();
      for (let i = from; i < end; i++) {
        const [row, column] = [Math.floor(i / places) * cover.stride, (i % places) * cover.stride];
        const [height, width] = [Math.min(cover.side, size - row), Math.min(cover.side, size - column)];
        covered
          .select(0, i - from)
          .narrow(1, row, height)
          .narrow(2, column, width)
          .fill_(0);
      }
      const probability = (of: Tensor): Tensor => network(of).softmax(1).select(1, target);
      return floats(probability(x).sub(probability(covered)));
    }),
  );
}
