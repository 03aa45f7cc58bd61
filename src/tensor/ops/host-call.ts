/**
 * A call of the program between kernels, for compiled functions: a collective of several processes, which must happen once in every run, where it
 * stands. The operation writes in place to all of its inputs, of which one is a tensor that lives outside: so no pass drops, doubles or moves it.
 */
import { ShapeError } from '../../base/errors.ts';
import type { HostCall } from '../../compiler/calls.ts';
import type { Attrs } from '../../geometry/attrs.ts';
import type { OpRules } from './rule.ts';

export interface HostCallParams extends Attrs {
  readonly name: string;
  readonly call: HostCall;
}

export interface HostCallAttrs {
  /** Inputs and, in place, outputs: contiguous tensors whose memory the call gets. */
  hostCall: HostCallParams;
}

let count = 0;

/** No call is like another. */
export const hostCallParams = (name: string, call: HostCall): HostCallParams => ({ key: `${name} ${count++}`, name, call });

export const hostCallRules: OpRules<HostCallAttrs> = {
  hostCall: {
    shape: (inputs, { name }) => {
      if (!inputs.every(({ contiguous }) => contiguous)) throw new ShapeError(`${name}: expected contiguous tensors; write x.contiguous()`);
      return inputs;
    },
    gradient: null,
  },
};
