/** Methods of tensors: copies with a part replaced, views of any strides, diagonals filled, distances, other sizes and types. */
import { provideMethods } from '../family.ts';
import { diagflat, diagonalScatter, dist, fillDiagonal_, narrowCopy, selectScatter, sliceScatter } from '../placed.ts';
import { resize_, resizeAs_ } from '../resized.ts';
import { replaceData } from '../replaced.ts';
import { asStrided, asStridedScatter } from '../strided.ts';
import { constructed, typeOf } from '../typed.ts';
import { viewedInPlace } from '../views-in-place.ts';

const parts = { asStrided, asStridedScatter, diagonalScatter, selectScatter, sliceScatter };
provideMethods('placed', {
  ...parts,
  diagflat,
  dist,
  fillDiagonal_,
  narrowCopy,
  viewedInPlace,
  resize_,
  resizeAs_,
  replaceData,
  constructed,
  typeOf,
});
