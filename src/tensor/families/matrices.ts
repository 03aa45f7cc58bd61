/** Determinants, inverses and factors of matrices, and norms of singular values. */
import { provideMethods } from '../family.ts';
import { pinv, svdvals, torchSvd } from '../matrices/factors.ts';
import { matrixExp, matrixPower } from '../matrices/products.ts';
import { choleskyInverse, choleskySolve, det, inv, logdet, slogdet } from '../matrices/solving.ts';

provideMethods('matrices', { choleskyInverse, choleskySolve, det, inv, logdet, matrixExp, matrixPower, pinv, slogdet, svdvals, torchSvd });
