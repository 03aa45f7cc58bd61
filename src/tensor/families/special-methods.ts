/** Methods of tensors: special functions, powers, angles, divisors, parts of floats. */
import { provideMethods } from '../family.ts';
import { frexp, nextafter } from '../float-parts.ts';
import { deg2rad, digamma, erfinv, exp2, floatPower, gcd, lcm, lgamma, positive, rad2deg } from '../special.ts';

provideMethods('special-methods', {
  deg2rad,
  digamma,
  erfinv,
  exp2,
  floatPower,
  frexp,
  gcd,
  lcm,
  lgamma,
  nextafter,
  positive,
  rad2deg,
});
