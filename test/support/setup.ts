/** Property tests draw the same cases in every run; FLAMBEAU_SEED=… draws others. */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env['FLAMBEAU_SEED'] ?? 2026) });
