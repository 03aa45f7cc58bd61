/** `bmm`, `addmm`, `dot`, `outer`, `cross` and other products, and the norm. */
import { provideMethods } from '../family.ts';
import { pNorm } from '../linalg.ts';
import { addbmm, addcdiv, addcmul, addmm, addmv, addr, baddbmm, bmm, cross, dot, inner, kron, mv, outer } from '../linear-algebra.ts';

provideMethods('linear-algebra', {
  addbmm,
  addcdiv,
  addcmul,
  addmm,
  addmv,
  addr,
  baddbmm,
  bmm,
  cross,
  dot,
  inner,
  kron,
  mv,
  outer,
  pNorm,
});
