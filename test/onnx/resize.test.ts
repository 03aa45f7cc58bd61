/** Resize of images: the same numbers as `F.interpolate`, in every bit where both mean the same, and close to the general way. */
import { describe, expect, it } from 'vitest';
import { F, manualSeed, noGrad, randn, type Tensor } from 'flambeau';
import { deserializeOnnx } from 'flambeau/onnx';
import { info, modelOf, weights } from './support.ts';

const text = (name: string, value: string) => ({ name, type: 3, s: new TextEncoder().encode(value) }) as const;

function resized(x: Tensor, size: readonly number[], attributes: Readonly<Record<string, string>>): Tensor {
  const sizes = weights('sizes', BigInt64Array.from([...x.layout.shape.slice(0, -2), ...size], BigInt));
  const entries = Object.entries(attributes).map(([name, value]) => text(name, value));
  const bytes = modelOf([['Resize', ['x', '', '', 'sizes'], ['y'], entries]], {
    initializer: [sizes],
    input: [info('x', [...x.layout.shape], x.dtype === 'float64' ? 11 : 1)],
  });
  return noGrad(() => deserializeOnnx(bytes)(x));
}

const SIZES = [[10, 12], [5, 6], [3, 4], [1, 1], [7, 20], [13, 2], [5, 11]] as const; // prettier-ignore

describe('Resize of images', () => {
  it.each([
    ['linear', 'half_pixel', 'bilinear', false],
    ['linear', 'align_corners', 'bilinear', true],
    ['cubic', 'half_pixel', 'bicubic', false],
    ['cubic', 'align_corners', 'bicubic', true],
  ] as const)('%s, %s', (mode, coordinates, ours, alignCorners) => {
    manualSeed(0);
    const x = randn(2, 3, 5, 6);
    for (const size of SIZES) {
      const y = resized(x, size, { mode, coordinate_transformation_mode: coordinates });
      expect(y.tolist()).toEqual(F.interpolate(x, { size, mode: ours, alignCorners }).tolist());
      // In double precision the general way is taken.
      const general = resized(x.double(), size, { mode, coordinate_transformation_mode: coordinates });
      const error = general.sub(y.double()).abs().max().item();
      expect(error, size.join('×')).toBeLessThan(4e-6);
    }
  });

  it('nearest, asymmetric or at half pixels', () => {
    const x = randn(2, 3, 5, 6);
    for (const size of SIZES) {
      for (const [coordinates, rounding, ours] of [
        ['asymmetric', 'floor', 'nearest'],
        ['half_pixel', 'round_prefer_ceil', 'nearest-exact'],
      ] as const) {
        const y = resized(x, size, { mode: 'nearest', coordinate_transformation_mode: coordinates, nearest_mode: rounding });
        expect(y.tolist(), size.join('×')).toEqual(F.interpolate(x, { size, mode: ours }).tolist());
      }
    }
  });
});
