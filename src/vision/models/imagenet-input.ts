/** Inputs for the weights of Google's networks. */
import { cat } from '../../tensor/functions.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** From channels normalised with ImageNet's means and deviations to channels from -1 to 1. */
export function fromImageNet(x: Tensor): Tensor {
  const statistics = [
    [0.229, 0.485],
    [0.224, 0.456],
    [0.225, 0.406],
  ] as const;
  return cat(
    statistics.map(([std, mean], i) =>
      x
        .narrow(1, i, 1)
        .mul(std / 0.5)
        .add((mean - 0.5) / 0.5),
    ),
    1,
  );
}
