/** The program of a run's worker. */
import { getNumThreads, setNumThreads } from 'flambeau';
import { serveFunctions } from 'flambeau/train';
import { runFunctions } from './functions.ts';

// Several runs go side by side, and the page shall stay smooth.
if (getNumThreads() > 1) setNumThreads(1);
serveFunctions(runFunctions((event, transfer) => postMessage(event, { transfer })));
