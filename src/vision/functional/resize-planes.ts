/** Tensors at another size, as torchvision resizes them: uint8 through 16-bit weights, floats as floats, other whole numbers by way of floats. */
import { ArgumentError } from '../../base/errors.ts';
import { roundHalfEven } from '../../io/image/round.ts';
import type { Interpolation } from '../resize.ts';
import { emptyLike, sameKind, type Planes } from './planes.ts';
import { resampledBytes, type Pass } from './resample-bytes.ts';
import { FILTERS, floatResampled, inBits, plainWeights, shortBits, smoothWeights, type Weights } from './resample.ts';

/**
 * The planes at another size.
 * @throws ArgumentError for what only images can
 */
export function resizedPlanes(p: Planes, height: number, width: number, interpolation: Interpolation, antialias: boolean): Planes {
  if (height === p.height && width === p.width) return p;
  if (interpolation === 'nearest' || interpolation === 'nearest-exact') return nearest(p, height, width, interpolation);
  if (interpolation === 'box' || interpolation === 'hamming')
    throw new ArgumentError(
      `resize: tensors have no '${interpolation}'; use 'bilinear', 'bicubic', 'lanczos' or 'nearest', or resize the image`,
    );
  if (interpolation === 'lanczos' && !antialias) throw new ArgumentError("resize: 'lanczos' is only there with antialias: true");
  const weights = (from: number, to: number): Weights =>
    antialias || interpolation === 'lanczos' ? smoothWeights(from, to, FILTERS[interpolation]) : plainWeights(from, to, interpolation);
  const across = weights(p.width, width);
  const down = weights(p.height, height);
  if (p.data instanceof Uint8Array) return resizedBytes(p as Planes<Uint8Array>, height, width, across, down);
  const values = floatResampled(p, height, width, across, down);
  if (p.data instanceof Float32Array || (p.data instanceof Float64Array && values instanceof Float64Array))
    return { ...p, height, width, data: values };
  const data = sameKind(p.data, values.length);
  for (let i = 0; i < data.length; i++) data[i] = roundHalfEven(values[i]!);
  return { ...p, height, width, data };
}

function resizedBytes(p: Planes<Uint8Array>, height: number, width: number, across: Weights, down: Weights): Planes {
  const pass = (weights: Weights): Pass => {
    const bits = shortBits(weights);
    return { weights: inBits(weights, bits), bits };
  };
  return resampledBytes(p, {
    inner: p.inner,
    rows: { from: 0, to: p.height },
    columns: { from: 0, to: p.width },
    across: width === p.width ? undefined : pass(across),
    down: height === p.height ? undefined : pass(down),
    columnsFirst: false,
    width,
    height,
  });
}

/** The old place of every new one, in float32. */
function places(from: number, to: number, shift: number): Int32Array {
  const scale = Math.fround(from / to);
  return Int32Array.from({ length: to }, (_, i) => Math.min(Math.floor(Math.fround((i + shift) * scale)), from - 1));
}

function nearest(p: Planes, height: number, width: number, interpolation: 'nearest' | 'nearest-exact'): Planes {
  const out = emptyLike(p, height, width);
  const shift = interpolation === 'nearest' ? 0 : 0.5;
  const columns = places(p.width, width, shift);
  const rows = places(p.height, height, shift);
  for (let plane = 0, o = 0; plane < p.outer; plane++) {
    for (let y = 0; y < height; y++) {
      const row = (plane * p.height + rows[y]!) * p.width;
      for (let x = 0; x < width; x++, o++) out.data[o] = p.data[row + columns[x]!]!;
    }
  }
  return out;
}
