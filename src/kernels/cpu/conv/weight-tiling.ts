/**
 * How a convolution's weight gradient is tiled: which of its two forms (`weight-outer.ts`, `weight-dot.ts`) a group of
 * outputs takes, the register tile, and what both forms' functions are called with.
 */
import { type ElementKit } from '../gemm/tile.ts';

/** The register tile: outputs × (channel, tap) pairs, and how it walks over pixels. */
export interface Tiling {
  /**
   * `outer`: vectors run along outputs, and a step is one pixel, whose source elements are splatted. `dot`: vectors run along
   * pixels, and a step is one vector of them.
   */
  readonly form: 'outer' | 'dot';
  readonly height: number;
  readonly pairs: number;
  /** Whether positions are those of rows rather than of single steps; of dot products only. */
  readonly byRow: boolean;
}

/**
 * The tiling for a group with this many outputs, whose rows have this many pixels. Outer products read one more vector for
 * as many multiply-adds, which vectors of 16 bytes only win back where rows are short.
 */
export function weightGradTiling(outputs: number, width: number, kit: ElementKit): Tiling {
  const { lanes, vectorBytes } = kit;
  const wide = vectorBytes > 16;
  if (2 * outputs > lanes && (wide || width < 2 * lanes)) {
    const vectors = outputs > lanes ? 2 : 1;
    const pairs = (wide ? [10, 6] : [6, 4])[vectors - 1]!; // as many sums as registers allow beside a step's operands
    return { form: 'outer', height: vectors * lanes, pairs, byRow: false };
  }
  const tile = outputs >= 3 ? { height: 4, pairs: wide ? 3 : 2 } : { height: outputs, pairs: 4 };
  return { form: 'dot', ...tile, byRow: width > 2 * lanes };
}

/** Pixels of a step. */
export const stepPixels = ({ form }: Tiling, kit: ElementKit): number => (form === 'dot' ? kit.lanes : 1);

/** Bytes of one block of outputs' ∂y that a step reads. */
export const stepBytes = (tiling: Tiling, kit: ElementKit): number => tiling.height * stepPixels(tiling, kit) * kit.bytes;

/** Arguments of the function that copies ∂y of a block of pixels into scratch; strides in bytes. */
export const COPY_GRAD_ARGS = ['from', 'to', 'outputs', 'images', 'rows', 'count', 'width', 'dyn', 'dyc', 'dyh', 'dyw', 'masks', 'biasSums'] as const; // prettier-ignore

/** Arguments of the function of one register tile, after the addresses of its pairs' sources. */
export const MICRO_ARGS = ['positions', 'rows', 'rowBytes', 'grad', 'sums'] as const;
