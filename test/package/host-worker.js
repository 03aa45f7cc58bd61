// The worker of a user's program, in every host.
import { manualSeed, nn, noGrad } from 'flambeau';
import { serveFunctions } from 'flambeau/train';

manualSeed(1);
const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 3));
serveFunctions({ predict: (x) => noGrad(() => model(x)) });
