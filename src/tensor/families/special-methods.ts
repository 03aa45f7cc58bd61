/** Methods of tensors: special functions, powers, angles, divisors. */
import { provideMethods } from '../family.ts';
import { deg2rad, digamma, erfinv, exp2, floatPower, gcd, lcm, lgamma, positive, rad2deg } from '../special.ts';

provideMethods('special-methods', {
  deg2rad,
  digamma,
  erfinv,
  exp2,
  floatPower,
  gcd,
  lcm,
  lgamma,
  positive,
  rad2deg,
});
