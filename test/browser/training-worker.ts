/** A module worker that trains. */
import { nn, noGrad, ones, type Tensor } from 'flambeau';
import { serveFunctions, serveTraining } from 'flambeau/train';
import { makeTraining } from './training-module.ts';

serveTraining(makeTraining);

const model = new nn.Linear(4, 2);
serveFunctions({
  load: (state: Map<string, Tensor>): void => {
    model.loadStateDict(state);
  },
  predict: ({ x, times }: { x: Tensor; times: number }) => ({
    scores: noGrad(() => model(x).mul(times)),
    shape: [...x.layout.shape],
  }),
  forever: () => new Promise(() => undefined),
  broken: () => model(ones(1, 3) as Tensor),
});
