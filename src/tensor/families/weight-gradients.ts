/** How gradients of convolutions' weights are computed: what computes gradients brings it, since that is half of all code for convolutions and inference does not need it. */
import { convWeightLowerings } from '../../lower/cpu/conv/index.ts';
import { provideLowerings } from '../family.ts';

provideLowerings(convWeightLowerings);
