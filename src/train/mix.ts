/** Mixing the images of a batch, as torchvision's references do: MixUp with α = 0.2, CutMix with α = 1, or one of them at random for every batch. */
import { randint } from '../tensor/create.ts';
import { CutMix, MixUp } from '../vision/transforms/index.ts';
import type { TrainerOptions } from './trainer.ts';

/** What a trainer takes as `mix`; undefined for neither. */
export function mixing(
  { mixup = false, cutmix = false }: { readonly mixup?: boolean | undefined; readonly cutmix?: boolean | undefined },
  numClasses: number,
): TrainerOptions['mix'] {
  const ways = [...(mixup ? [new MixUp({ alpha: 0.2, numClasses })] : []), ...(cutmix ? [new CutMix({ alpha: 1, numClasses })] : [])];
  if (ways.length === 0) return undefined;
  return (images, labels) => {
    const way = ways.length === 1 ? 0 : randint(0, ways.length, [1]).item();
    return ways[way]!(images, labels);
  };
}

/** A weight for each class, so that all count alike however many images they have: images / (classes × images of the class). */
export function balancedWeights(targets: readonly number[], classes: number): Float32Array {
  const counts = new Float64Array(classes);
  for (const target of targets) counts[target]!++;
  return Float32Array.from(counts, (count) => (count === 0 ? 0 : targets.length / (classes * count)));
}
