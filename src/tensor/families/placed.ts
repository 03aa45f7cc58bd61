/** Methods of tensors: copies with a part replaced, diagonals filled, distances. */
import { provideMethods } from '../family.ts';
import { diagflat, diagonalScatter, dist, fillDiagonal_, narrowCopy, selectScatter, sliceScatter } from '../placed.ts';

provideMethods('placed', { diagflat, diagonalScatter, dist, fillDiagonal_, narrowCopy, selectScatter, sliceScatter });
