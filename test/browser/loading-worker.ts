/** A module worker that makes batches. */
import { data } from 'flambeau';
import { makeDataset } from './loading-data.ts';

data.serveDataset(makeDataset);
