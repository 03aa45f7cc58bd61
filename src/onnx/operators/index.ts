/** All ONNX operators that there are, by name. */
import type { Operator } from '../node.ts';
import { elementwiseOperators } from './elementwise.ts';
import { recurrentOperators } from './recurrent.ts';
import { reduceOperators } from './reduce.ts';
import { resizeOperators } from './resize.ts';
import { scatterOperators } from './scatter.ts';
import { shapeOperators } from './shape.ts';
import { windowOperators } from './window.ts';

/** A map rather than an object: names come from files. */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>(
  Object.entries({
    ...elementwiseOperators,
    ...recurrentOperators,
    ...reduceOperators,
    ...resizeOperators,
    ...scatterOperators,
    ...shapeOperators,
    ...windowOperators,
  }),
);
