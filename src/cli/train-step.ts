/** What a run's settings mean for a step of its training. */
import { CrossEntropyLoss } from '../nn/layers/loss.ts';
import { Adam } from '../optim/adam.ts';
import { SGD } from '../optim/sgd.ts';
import type { Classifier } from '../train/models.ts';
import { bodyParameters } from '../train/pretrained.ts';
import type { TrainerOptions } from '../train/trainer.ts';
import { learningRate } from './train-report.ts';
import type { TrainSettings } from './train-run.ts';

type StepSettings = Pick<TrainerOptions, 'criterion' | 'clipNorm' | 'freeze' | 'accumulate' | 'compile'>;

export function makeOptimizer(model: Classifier, settings: TrainSettings): SGD | Adam {
  const { momentum, weightDecay } = settings;
  const lr = learningRate(settings);
  return settings.optimizer === 'sgd'
    ? new SGD(model.parameters(), { lr, momentum, weightDecay })
    : new Adam(model.parameters(), { lr, weightDecay });
}

/** What a step of training is made of. */
export function stepOptions(model: Classifier, settings: TrainSettings): StepSettings {
  const { labelSmoothing, clipNorm, freeze, accumulate, compile, memoryLimit } = settings;
  return {
    ...(labelSmoothing === 0 ? {} : { criterion: new CrossEntropyLoss({ labelSmoothing }) }),
    ...(clipNorm === undefined ? {} : { clipNorm }),
    ...(freeze === 0 ? {} : { freeze: { parameters: bodyParameters(model), epochs: freeze } }),
    accumulate,
    compile: compile && { memoryLimit: memoryLimit && memoryLimit * 1e6 },
  };
}
