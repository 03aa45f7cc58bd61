/** Parameters of one rank for all others: side by side in one tensor where they have been moved there, else as they lie. */
import { itemSize, type DType } from '../../base/dtype.ts';
import { broadcast } from '../../distributed/collectives.ts';
import { broadcastAll } from '../../nn/parallel/buffers.ts';
import { zeros } from '../../tensor/create.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { unrecorded } from '../../tensor/recorder.ts';
import type { Tensor } from '../../tensor/tensor.ts';

interface Bucket {
  readonly flat: Tensor;
  readonly members: readonly Tensor[];
}

/** Where a parameter begins, so that kernels find it as if it lay alone. */
const ALIGNED_BYTES = 64;

/** Moves parameters into tensors that hold them side by side, one for each dtype. */
export function gatherInBuckets(params: readonly Tensor[]): Bucket[] {
  const byDtype = new Map<DType, Tensor[]>();
  for (const param of params) byDtype.set(param.dtype, [...(byDtype.get(param.dtype) ?? []), param]);
  return [...byDtype].map(([dtype, members]) => unrecorded(() => withGradMode(false, () => bucketOf(dtype, members))));
}

function bucketOf(dtype: DType, members: readonly Tensor[]): Bucket {
  const line = ALIGNED_BYTES / itemSize(dtype);
  const starts: number[] = [];
  let end = 0;
  for (const { layout } of members) {
    starts.push(end);
    end += Math.ceil(layout.numel / line) * line;
  }
  const flat = zeros(end, { dtype });
  flat.storage.kept = true;
  members.forEach((param, i) => {
    const place = flat.narrow(0, starts[i]!, param.layout.numel).reshape([...param.layout.shape]);
    place.copy_(param.detach());
    param.data = place;
  });
  return { flat, members };
}

/** All ranks get these parameters from rank `src`. Those that have left their bucket since, for another device say, go by themselves. */
export function sendAll(params: readonly Tensor[], buckets: readonly Bucket[], src: number): void {
  const rest = new Set(params);
  withGradMode(false, () => {
    for (const { flat, members } of buckets) {
      const there = members.filter((param) => param.storage === flat.storage);
      if (!there.some((param) => rest.has(param))) continue;
      broadcast(flat, src);
      for (const param of there) rest.delete(param);
    }
  });
  broadcastAll([...rest], src);
}

export type { Bucket };
