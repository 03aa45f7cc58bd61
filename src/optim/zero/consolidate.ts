/** What all ranks remember of their parameters, at one of them. */
import type { DType } from '../../base/dtype.ts';
import { gathered } from '../../distributed/objects.ts';
import { requireGroup } from '../../distributed/world.ts';
import { broadcastAll } from '../../nn/parallel/buffers.ts';
import { zeros } from '../../tensor/create.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ParamState } from '../optimizer.ts';

/** A tensor by its dtype and shape, a number as text: JSON has no NaN. */
type Described = Record<string, string | { readonly dtype: DType; readonly shape: readonly number[] }>;

const describe = (state: ParamState): Described =>
  Object.fromEntries(
    Object.entries(state).map(([name, value]) => [
      name,
      isTensor(value) ? { dtype: value.dtype, shape: [...value.layout.shape] } : String(value),
    ]),
  );

function copyOf(state: ParamState): ParamState {
  return Object.fromEntries(Object.entries(state).map(([name, value]) => [name, isTensor(value) ? kept(value.detach().clone()) : value]));
}

function kept(tensor: Tensor): Tensor {
  tensor.storage.kept = true;
  return tensor;
}

/** Memory for what another rank has described. */
const emptyOf = (described: Described): ParamState =>
  Object.fromEntries(
    Object.entries(described).map(([name, what]) => [
      name,
      typeof what === 'string' ? Number(what) : kept(zeros(what.shape, { dtype: what.dtype })),
    ]),
  );

const tensorsOf = (states: readonly ParamState[]): Tensor[] => states.flatMap((state) => Object.values(state).filter(isTensor));

/**
 * Brings copies of all ranks' states to rank `to`; all ranks call it.
 * @param params all parameters, in the same order in all ranks
 * @returns undefined in the other ranks
 */
export function consolidated(
  op: string,
  params: readonly Tensor[],
  state: ReadonlyMap<Tensor, ParamState>,
  to: number,
): Map<Tensor, ParamState> | undefined {
  const { rank } = requireGroup(op);
  const mine = params.flatMap((param, i) => (state.has(param) ? [[i, describe(state.get(param)!)] as const] : []));
  const all = gathered(op, mine) as (readonly (readonly [number, Described])[])[];
  const found = new Map<Tensor, ParamState>();
  withGradMode(false, () => {
    all.forEach((theirs, from) => {
      if (from === to) {
        if (rank === to) for (const [i] of theirs) found.set(params[i]!, copyOf(state.get(params[i]!)!));
        return;
      }
      const states = theirs.map(([i, described]) => (rank === from ? state.get(params[i]!)! : emptyOf(described)));
      broadcastAll(tensorsOf(states), from);
      if (rank === to) theirs.forEach(([i], at) => found.set(params[i]!, states[at]!));
    });
  });
  return rank === to ? found : undefined;
}
