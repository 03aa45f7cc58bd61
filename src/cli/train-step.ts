/** What a run's settings mean for a step of its training. */
import { CrossEntropyLoss } from '../nn/layers/loss.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { balancedWeights } from '../train/mix.ts';
import type { Classifier } from '../train/models.ts';
import type { PreparedData } from '../train/prepare.ts';
import { bodyParameters } from '../train/pretrained.ts';
import type { TrainerOptions } from '../train/trainer.ts';
import type { TrainSettings } from './train-plan.ts';

type StepSettings = Pick<TrainerOptions, 'criterion' | 'clipNorm' | 'freeze' | 'accumulate' | 'compile'>;

/** What a step of training is made of. */
export function stepOptions(
  model: Classifier,
  settings: TrainSettings,
  { targets, classes }: Pick<PreparedData, 'targets' | 'classes'>,
): StepSettings {
  const { labelSmoothing, clipNorm, freeze, accumulate, compile, memoryLimit, classWeights } = settings;
  const weight = classWeights === 'balanced' ? { weight: fromTypedArray(balancedWeights(targets, classes.length)) } : {};
  return {
    ...(labelSmoothing === 0 && !('weight' in weight) ? {} : { criterion: new CrossEntropyLoss({ labelSmoothing, ...weight }) }),
    ...(clipNorm === undefined ? {} : { clipNorm }),
    ...(freeze === 0 ? {} : { freeze: { parameters: bodyParameters(model), epochs: freeze } }),
    accumulate,
    compile: compile && { memoryLimit: memoryLimit && memoryLimit * 1e6 },
  };
}
