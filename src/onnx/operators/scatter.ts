/** ONNX operators that put elements at indices. Of equal indices the last one stays, as in onnxruntime. */
import { indexParams } from '../../geometry/indexing.ts';
import { apply1 } from '../../tensor/dispatch.ts';
import { scatterReduce, type ScatterReduction } from '../../tensor/scatter.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { axisOf, type OnnxNode, type Operator } from '../node.ts';
import { frontIndices } from './shape.ts';

const REDUCTIONS = ['none', 'add', 'mul', 'min', 'max'] as const;
type Reduction = (typeof REDUCTIONS)[number];
const OURS: Readonly<Record<Exclude<Reduction, 'none' | 'add'>, ScatterReduction>> = { mul: 'prod', min: 'amin', max: 'amax' };

const reductionOf = (node: OnnxNode): Reduction => node.oneOf('reduction', REDUCTIONS, 'none');

function scattered(x: Tensor, index: Tensor, source: Tensor, axis: number, reduction: Reduction): Tensor {
  if (reduction === 'none' || reduction === 'add') {
    return apply1(reduction === 'add' ? 'scatterAdd' : 'scatter', [x, index, source], indexParams(axis, 'onnx: ScatterElements'));
  }
  return scatterReduce(x, [axis, index, source, OURS[reduction]]);
}

const scatterElements: Operator = {
  build: (node) => {
    const axis = node.int('axis', 0);
    const reduction = reductionOf(node);
    return (args) => {
      const x = args.tensor(0);
      const at = axisOf(node, axis, x.ndim);
      return scattered(x, frontIndices(args.tensor(1), x.layout.shape[at]!), args.tensor(2).contiguous(), at, reduction);
    };
  },
};

export const scatterOperators = {
  Scatter: scatterElements,
  ScatterElements: scatterElements,
} as const satisfies Record<string, Operator>;
