/** Who updates which parameters: PyTorch's way, so that ranks have the same shares there and here. */
import type { Tensor } from '../../tensor/tensor.ts';

/**
 * Within each group the largest parameter comes first, and goes to the rank that has least by then.
 * @returns of each rank, the parameters of each group
 */
export function partitioned(groups: readonly (readonly Tensor[])[], size: number): Tensor[][][] {
  const ranks: Tensor[][][] = Array.from({ length: size }, () => groups.map(() => []));
  const filled = ranks.map(() => 0);
  groups.forEach((params, at) => {
    for (const param of [...params].sort((a, b) => b.layout.numel - a.layout.numel)) {
      const least = filled.indexOf(Math.min(...filled));
      ranks[least]![at]!.push(param);
      filled[least]! += param.layout.numel;
    }
  });
  return ranks;
}
