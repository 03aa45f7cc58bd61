/** The program of a run's worker. */
import { serveFunctions } from 'flambeau/train';
import { runFunctions } from './functions.ts';

serveFunctions(runFunctions((event, transfer) => postMessage(event, { transfer })));
