/**
 * Weighted sums of elements at given places: what sampling an image at the places of a grid comes to. Of a tensor, places and weights there are
 * three operations, each linear in what it is given, and the gradients of each are the other two.
 */
import { requireDType } from '../../base/dtype.ts';
import { layoutOf } from '../../base/layout.ts';
import { remembered, type Attrs } from '../../geometry/attrs.ts';
import type { OpRules } from './rule.ts';

/** Made by {@link blendGradParams}. */
export interface BlendGradParams extends Attrs {
  /** Elements of a plane. */
  readonly size: number;
}

export const blendGradParams = (size: number): BlendGradParams => remembered('blendGrad', { key: String(size), size });

/** Places are int64 from 0, or −1 for nothing; who makes them sees to it. */
export interface BlendAttrs {
  /** [x [n, c, p], places [n, k, l], weights [n, k, l]] → [n, c, l]: Σₖ weights · x at places */
  blend: Attrs;
  /** [g [n, c, l], places, weights] → [n, c, p]: weights · g added up at places */
  blendGrad: BlendGradParams;
  /** [g [n, c, l], x [n, c, p], places] → [n, k, l]: Σ over c of g · x at places */
  blendDot: Attrs;
}

const NONE: Attrs = Object.freeze({ key: '' });

export const blendRules: OpRules<BlendAttrs> = {
  blend: {
    shape: ([x, places, weights]) => {
      requireDType('blend', 'weights', weights!.dtype, [x!.dtype]);
      return [layoutOf(x!.dtype, [x!.shape[0]!, x!.shape[1]!, places!.shape[2]!])];
    },
    gradient: {
      name: 'GridSamplerBackward0',
      saves: { inputs: [0, 1, 2] },
      run: ({ grads: [g], apply, input, inputLayouts, needs }) => {
        if (g === undefined) return [];
        const ofX = needs(0) ? apply('blendGrad', [g, input(1), input(2)], blendGradParams(inputLayouts[0]!.shape[2]!))[0] : undefined;
        return [ofX, undefined, needs(2) ? apply('blendDot', [g, input(0), input(1)], NONE)[0] : undefined];
      },
    },
  },
  blendGrad: {
    shape: ([g], { size }) => [layoutOf(g!.dtype, [g!.shape[0]!, g!.shape[1]!, size])],
    gradient: {
      name: 'GridSamplerBackwardBackward0',
      saves: { inputs: [0, 1, 2] },
      run: ({ grads: [h], apply, input, needs }) => {
        if (h === undefined) return [];
        const ofG = needs(0) ? apply('blend', [h, input(1), input(2)], NONE)[0] : undefined;
        return [ofG, undefined, needs(2) ? apply('blendDot', [input(0), h, input(1)], NONE)[0] : undefined];
      },
    },
  },
  blendDot: {
    shape: ([g, , places]) => [layoutOf(g!.dtype, places!.shape)],
    gradient: {
      name: 'GridSamplerBackwardBackward0',
      saves: { inputs: [0, 1, 2] },
      run: ({ grads: [h], apply, input, inputLayouts, needs }) => {
        if (h === undefined) return [];
        const ofG = needs(0) ? apply('blend', [input(1), input(2), h], NONE)[0] : undefined;
        const size = inputLayouts[1]!.shape[2]!;
        return [ofG, needs(1) ? apply('blendGrad', [input(0), input(2), h], blendGradParams(size))[0] : undefined];
      },
    },
  },
};
