/** How long training takes on this machine, as it is now. */
import { CrossEntropyLoss } from '../nn/layers/loss.ts';
import { SGD } from '../optim/sgd.ts';
import { nativeReady } from '../tensor/backend.ts';
import { randn, zeros } from '../tensor/create.ts';
import { defaultGenerator } from '../tensor/random/index.ts';
import { createModel, type ImageSpec } from './models.ts';
import { trainStep, type StepOptions } from './steps.ts';

/** Steps before it counts: the first record and plan, and those that follow ask for native code. */
const WARM = 3;
/** It is measured for at least so many steps and seconds. */
const [STEPS, SECONDS] = [2, 0.5];

/**
 * Seconds that a training step takes for each image of its batch, measured on a network of its own and images of noise. Random numbers are as they
 * were before.
 */
export async function secondsPerImage(
  model: string,
  spec: ImageSpec,
  batch: number,
  options: Pick<StepOptions, 'compile'>,
): Promise<number> {
  const state = defaultGenerator.getState();
  try {
    const network = createModel(model, spec);
    const optimizer = new SGD(
      network.parameters().filter((parameter) => parameter.requiresGrad),
      { lr: 1e-4, momentum: 0.9 },
    );
    const run = trainStep(network, new CrossEntropyLoss(), optimizer, options);
    const images = randn(batch, spec.channels, spec.height, spec.width);
    const labels = zeros([batch], { dtype: 'int64' });
    const step = (): number => run([[images, labels]]);
    for (let i = 0; i < WARM; i++) step();
    await nativeReady();
    step(); // moves to native code
    const start = performance.now();
    let steps = 0;
    while (steps < STEPS || performance.now() - start < SECONDS * 1000) {
      step();
      steps++;
    }
    return (performance.now() - start) / 1000 / steps / batch;
  } finally {
    defaultGenerator.setState(state);
  }
}
