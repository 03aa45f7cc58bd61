/** Parameters of each rank for all others: side by side in one tensor where they have been moved there, else as they lie. */
import { itemSize, type DType } from '../../base/dtype.ts';
import { allGatherIntoTensor, broadcast } from '../../distributed/collectives.ts';
import { requireGroup } from '../../distributed/world.ts';
import { broadcastAll } from '../../nn/parallel/buffers.ts';
import { zeros } from '../../tensor/create.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { unrecorded } from '../../tensor/recorder.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface Bucket {
  readonly members: readonly Tensor[];
  readonly flat: Tensor;
  /** Of each rank, its part of `flat`. */
  readonly parts: readonly Tensor[];
  /** Whether they are equally long. */
  readonly isEven: boolean;
}

/** Where a parameter begins, so that kernels find it as if it lay alone. */
const ALIGNED_BYTES = 64;
/** How much longer parts may be for being equally long; with more, ranks send what they have one after the other. */
const MOST_SPARE = 1.25;

/** Moves ranks' parameters into tensors that hold them side by side, one for each dtype. */
export function gatherInBuckets(shares: readonly (readonly Tensor[])[]): Bucket[] {
  const dtypes = new Set(shares.flat().map(({ dtype }) => dtype));
  return [...dtypes].map((dtype) => {
    const members = shares.map((params) => params.filter((param) => param.dtype === dtype));
    return unrecorded(() => withGradMode(false, () => bucketOf(dtype, members)));
  });
}

function bucketOf(dtype: DType, shares: readonly (readonly Tensor[])[]): Bucket {
  const line = ALIGNED_BYTES / itemSize(dtype);
  const sizeOf = ({ layout }: Tensor): number => Math.ceil(layout.numel / line) * line;
  const needed = shares.map((params) => params.reduce((sum, param) => sum + sizeOf(param), 0));
  const [most, total] = [Math.max(...needed), needed.reduce((a, b) => a + b, 0)];
  const isEven = most * shares.length <= MOST_SPARE * total;
  const lengths = isEven ? needed.map(() => most) : needed;
  const flat = zeros(
    lengths.reduce((a, b) => a + b, 0),
    { dtype },
  );
  flat.storage.kept = true;
  let start = 0;
  const parts = shares.map((params, rank) => {
    let at = start;
    for (const param of params) {
      const place = flat.narrow(0, at, param.layout.numel).reshape([...param.layout.shape]);
      place.copy_(param.detach());
      param.data = place;
      at += sizeOf(param);
    }
    const part = flat.narrow(0, start, lengths[rank]!);
    start += lengths[rank]!;
    return part;
  });
  return { members: shares.flat(), flat, parts, isEven };
}

/** Brings all ranks' parameters to all ranks. What has left its bucket since, for another device say, goes by itself. */
export function exchange(shares: readonly (readonly Tensor[])[], buckets: readonly Bucket[]): void {
  const { rank } = requireGroup('ZeroRedundancyOptimizer.step');
  const rest = shares.map((params) => new Set(params));
  withGradMode(false, () => {
    for (const { flat, members, parts, isEven } of buckets) {
      const there = members.filter((param) => param.storage === flat.storage);
      if (!there.some((param) => rest.some((params) => params.has(param)))) continue;
      if (isEven) allGatherIntoTensor(flat, parts[rank]!);
      else parts.forEach((part, from) => void broadcast(part, from));
      for (const param of there) for (const params of rest) params.delete(param);
    }
  });
  rest.forEach((params, from) => broadcastAll([...params], from));
}
