/** Parameters and buffers of one process for all: values of one dtype travel together. */
import type { DType } from '../../base/dtype.ts';
import { broadcast } from '../../distributed/collectives.ts';
import { requireGroup } from '../../distributed/world.ts';
import { cat } from '../../tensor/functions.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** Elements that travel at a time. */
const MOST = 8 << 20;

/** All processes get the values of process `src`. */
export function broadcastAll(tensors: readonly Tensor[], src = 0): void {
  if (requireGroup('broadcast').size === 1) return;
  const groups = new Map<DType, Tensor[][]>();
  for (const tensor of tensors) {
    const lists = groups.get(tensor.dtype) ?? [[]];
    groups.set(tensor.dtype, lists);
    const last = lists.at(-1)!;
    const elements = last.reduce((sum, x) => sum + x.numel(), 0);
    if (elements > 0 && elements + tensor.numel() > MOST) lists.push([tensor]);
    else last.push(tensor);
  }
  withGradMode(false, () => {
    for (const list of [...groups.values()].flat()) broadcastList(list, src);
  });
}

function broadcastList(list: readonly Tensor[], src: number): void {
  if (list.length === 1) {
    broadcast(list[0]!.detach(), src);
    return;
  }
  const flat = cat(list.map((x) => x.detach().reshape([-1])));
  broadcast(flat, src);
  let at = 0;
  for (const x of list) {
    x.detach().copy_(flat.narrow(0, at, x.numel()).reshape([...x.layout.shape]));
    at += x.numel();
  }
}
