/** `scatter`, `indexAdd`, `maskedSelect`, `take` and other methods at indices. */
import { provideMethods } from '../family.ts';
import {
  indexAdd,
  indexCopy,
  indexFill,
  indexPut,
  indexReduce,
  maskedScatter,
  maskedSelect,
  put,
  scatter,
  scatterAdd,
  scatterReduce,
  take,
  takeAlongDim,
} from '../scatter.ts';

provideMethods('scatter', {
  indexAdd,
  indexCopy,
  indexFill,
  indexPut,
  indexReduce,
  maskedScatter,
  maskedSelect,
  put,
  scatter,
  scatterAdd,
  scatterReduce,
  take,
  takeAlongDim,
});
