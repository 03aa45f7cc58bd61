/** `bernoulli_`, `normal_`, `multinomial` and other random draws of tensors. */
import { provideMethods } from '../family.ts';
import { bernoulli, bernoulli_, exponential_, multinomial, normal_, random_, uniform_ } from '../draws.ts';
import { cauchy_, geometric_, logNormal_ } from '../draws-more.ts';

const rarer = { cauchy_, geometric_, logNormal_ };
provideMethods('draws', { bernoulli, bernoulli_, exponential_, multinomial, normal_, random_, uniform_, ...rarer });
