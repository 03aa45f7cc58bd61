/** Parameters and buffers of one process for all: values of one dtype travel together. */
import type { DType } from '../../base/dtype.ts';
import { broadcast } from '../../distributed/collectives.ts';
import { requireGroup } from '../../distributed/world.ts';
import { cat } from '../../tensor/functions.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** Elements that travel together at most. A tensor with more than the second goes as it lies: copies would cost more than a message of its own. */
const [MOST, ALONE] = [8 << 20, 16 << 10];

/** Lists of tensors of one dtype that travel together. */
function dealt(tensors: readonly Tensor[]): Tensor[][] {
  const lists: Tensor[][] = [];
  const open = new Map<DType, { readonly list: Tensor[]; elements: number }>();
  for (const tensor of tensors) {
    const { dtype, numel } = tensor.layout;
    const last = open.get(dtype);
    if (numel < ALONE && last !== undefined && last.elements + numel <= MOST) {
      last.list.push(tensor);
      last.elements += numel;
      continue;
    }
    const list = [tensor];
    lists.push(list);
    if (numel < ALONE) open.set(dtype, { list, elements: numel });
  }
  return lists;
}

/** All processes get the values of process `src`. */
export function broadcastAll(tensors: readonly Tensor[], src = 0): void {
  if (requireGroup('broadcast').size === 1) return;
  withGradMode(false, () => {
    for (const list of dealt(tensors)) broadcastList(list, src);
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
