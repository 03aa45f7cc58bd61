/** Tests import parts of the library by their files, with all operations, as the entry `flambeau` has them. Property tests draw the same cases in every run; FLAMBEAU_SEED=… draws others. */
import fc from 'fast-check';
import '../../src/nn/families/index.ts';
import '../../src/optim/families/optimizer-states.ts';
import '../../src/tensor/families/index.ts';
import { enableSweeps } from '../../src/tensor/sweep-here.ts';

enableSweeps();

fc.configureGlobal({ seed: Number(process.env['FLAMBEAU_SEED'] ?? 2026) });
