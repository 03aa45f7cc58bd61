/** What the chapters have computed in a worker. */
import { overfit } from '../core/learn/overfit.ts';

export const learnFunctions = { overfit };
