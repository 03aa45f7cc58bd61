/**
 * Convolutions with 1×1 kernels of stride 1, and their gradients of the input: weights times pixels, with vectors along pixels, which are neighbours
 * both in x and in y. A strip of pixels is copied into panels as wide as a register tile; a tile sums all channels and goes to y.
 */
import type { Epilogue } from '../../formula/epilogue.ts';
import { elementKit, forStep, intFn, minI32, Tile, type ElementKit } from '../gemm/tile.ts';
import { load, loadSplat, i32, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import { buildBiases } from './along-outputs.ts';
import { channelsFrom } from './band.ts';
import { affineBytes, EPILOGUE_OPERANDS, finishResults, RESULT_PARAMS } from './epilogue.ts';

/** Outputs of a register tile, and vectors of pixels. */
export const POINT_TILE = { outputs: 4, vectors: 2 } as const;

/** Steps are in bytes. */
export const POINTWISE_PARAMS = {
  x: 'ptr',
  xn: 'i32',
  xc: 'i32',
  /** Blocks of four outputs, channel by channel. */
  packed: 'ptr',
  ...RESULT_PARAMS,
  channels: 'i32',
  outputs: 'i32',
  /** Pixels of an image, at least those of a tile. */
  plane: 'i32',
  /** A unit of work: pixels of an image, outputs; and how many such blocks there are. */
  pixelBlock: 'i32',
  pixelBlocks: 'i32',
  outputBlock: 'i32',
  outputBlocks: 'i32',
  /** Pixels copied at a time: whole tiles. */
  strip: 'i32',
  /** Where biases lie in the scratch. */
  biasAt: 'i32',
} as const;

type Scope = KernelScope<typeof POINTWISE_PARAMS>;

/** Of 32-bit numbers. */
export function pointwiseKernel(target: Target, epilogue: Epilogue): Kernel<typeof POINTWISE_PARAMS> {
  const end = epilogue === 'none' ? '' : `/${epilogue}`;
  return cachedKernel(target, `conv-pointwise/f32${end}`, POINTWISE_PARAMS, (scope) => build(scope, elementKit(target, 'f32'), epilogue));
}

function build(scope: Scope, kit: ElementKit, epilogue: Epilogue): void {
  const { f, p, lo, hi, scratch } = scope;
  const width = POINT_TILE.vectors * kit.lanes;
  const biases = buildBiases(scope, kit);
  const copy = buildCopy(scope, kit);
  const micro = buildMicro(scope, kit, epilogue);
  const depth = f.let('depth', p.channels.mul(kit.bytes));
  const panelBytes = f.let('panelBytes', depth.mul(width));
  const bias = f.let('bias', scratch.add(p.biasAt));
  const lastPixel = f.let('lastPixel', p.plane.sub(width));
  const [gate, residual] = [f.let('gateTo', p.gate.sub(p.y)), f.let('residualTo', p.residual.sub(p.y))];
  f.for('unit', lo, hi, (unit) => {
    const part = f.let('part', unit.div(p.outputBlocks));
    const m0 = f.let('m0', unit.rem(p.outputBlocks).mul(p.outputBlock));
    const outputs = minI32(f, 'unitOutputs', p.outputBlock, p.outputs.sub(m0));
    const image = f.let('image', part.div(p.pixelBlocks));
    const from = f.let('from', part.rem(p.pixelBlocks).mul(p.pixelBlock));
    const to = minI32(f, 'to', from.add(p.pixelBlock), p.plane);
    const x = f.let('xImage', p.x.add(image.mul(p.xn)));
    const yUnit = f.let('yUnit', p.y.add(image.mul(p.yn)).add(m0.mul(p.yc)));
    const weights = f.let('weights', p.packed.add(m0.mul(depth)));
    f.call(biases, p.bias.add(m0.mul(p.hasBias).mul(kit.bytes)), p.hasBias, outputs, bias);
    const pixel = f.let('pixel', from);
    f.while(pixel.lt(to), () => {
      const end = minI32(f, 'stripEnd', pixel.add(p.strip), to);
      f.call(copy, x, p.channels, p.xc, pixel, end, lastPixel, scratch, panelBytes);
      const w = f.let('w', weights);
      const y = f.let('y', yUnit);
      const affine = f.let('affine', p.affine.add(m0.mul(affineBytes(kit))));
      forStep(f, 'm', [0, outputs, POINT_TILE.outputs], (m) => {
        const panel = f.let('panel', scratch);
        forStep(f, 'j', [pixel, end, width], (j) => {
          const place = minI32(f, 'place', j, lastPixel); // the last tile lies back: what it shares comes out the same
          f.call(micro, p.channels, w, panel, bias.add(m.mul(kit.bytes)), y.add(place.mul(kit.bytes)), p.yc, outputs.sub(m), gate, residual, affine); // prettier-ignore
          f.inc(panel, panelBytes);
        });
        f.inc(w, depth.mul(POINT_TILE.outputs));
        f.inc(y, p.yc.mul(POINT_TILE.outputs));
        f.inc(affine, POINT_TILE.outputs * affineBytes(kit));
      });
      f.set(pixel, end);
    });
  });
}

/** Copies pixels into panels, channel by channel. */
function buildCopy(scope: Scope, kit: ElementKit): Fn {
  const { vector, bytes, vectorBytes } = kit;
  const width = POINT_TILE.vectors * kit.lanes;
  const names = ['x', 'channels', 'xc', 'pixel', 'end', 'last', 'to', 'panelBytes'] as const;
  return intFn(scope, 'copyPixels', names, (f, { x, channels, xc, pixel, end, last, to, panelBytes }) => {
    f.for('c', 0, channels, () => {
      const out = f.let('out', to);
      forStep(f, 'j', [pixel, end, width], (j) => {
        const at = f.let('at', x.add(minI32(f, 'place', j, last).mul(bytes)));
        for (let v = 0; v < POINT_TILE.vectors; v++) f.store(vector, out, load(vector, at, v * vectorBytes), v * vectorBytes);
        f.inc(out, panelBytes);
      });
      f.inc(x, xc);
      f.inc(to, width * bytes);
    });
  });
}

const MICRO_ARGS = ['channels', 'w', 'panel', 'bias', 'y', 'yc', 'left', ...EPILOGUE_OPERANDS] as const;

/** A tile: all channels of a panel of pixels times four outputs, of which `left` exist; the others are computed as the last. */
function buildMicro(scope: Scope, kit: ElementKit, epilogue: Epilogue): Fn {
  const { vector, vectorBytes, bytes } = kit;
  const { outputs, vectors } = POINT_TILE;
  return intFn(scope, 'micro', MICRO_ARGS, (f, { channels, w, panel, bias, y, yc, left, gate, residual, affine }) => {
    const tile = new Tile(f, kit, outputs, vectors);
    tile.acc.forEach((row, i) => {
      for (const acc of row) f.set(acc, loadSplat(vector, bias, i * bytes));
    });
    f.for('c', 0, channels, () => {
      tile.outerStep(
        w,
        Array.from({ length: vectors }, (_, j) => load(vector, panel, j * vectorBytes)),
      );
      f.inc(w, outputs * bytes);
      f.inc(panel, vectors * vectorBytes);
    });
    const places: readonly Local[] = channelsFrom(f, outputs, 'place', y, left, yc);
    const scales = epilogue.startsWith('affine')
      ? channelsFrom(f, outputs, 'affine', affine, left, i32(affineBytes(kit)))
      : places.map(() => affine);
    tile.acc.forEach((row, i) => {
      const { vector: finish } = finishResults(f, kit, epilogue, { gate, residual, affine: scales[i]! });
      row.forEach((acc, j) => {
        const at = f.let('at', places[i]!.add(j * vectorBytes));
        f.store(vector, at, finish(acc, at));
      });
    });
  });
}
