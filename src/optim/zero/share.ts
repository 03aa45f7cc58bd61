/** A rank's share of a group: the group itself, with other parameters. */
import type { Tensor } from '../../tensor/tensor.ts';

/**
 * Shows a group with parameters of its own. All else is the group's, read and written there: what a schedule changes in the whole, a recorded step of
 * the share finds.
 */
export function shareOf<G extends { params: Tensor[] }>(group: G, params: Tensor[]): G {
  let own = params;
  return new Proxy(group, {
    get: (of, name) => (name === 'params' ? own : Reflect.get(of, name)),
    set(of, name, value) {
      if (name !== 'params') return Reflect.set(of, name, value);
      own = value as Tensor[];
      return true;
    },
  });
}
