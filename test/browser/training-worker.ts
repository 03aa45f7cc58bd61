/** A module worker that trains. */
import { serveTraining } from 'flambeau/train';
import { makeTraining } from './training-module.ts';

serveTraining(makeTraining);
