/** A model and its optimizer as they are now, to go back to after a training that was only a trial. */
import '../nn/families/state-dicts.ts';
import '../optim/families/optimizer-states.ts';

import type { ModuleBase } from '../nn/module-base.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { kept } from './load-together.ts';

interface Kept {
  readonly of: Tensor;
  readonly values: Tensor;
  readonly grad: Tensor | null;
  readonly requiresGrad: boolean;
}

/** Weights, buffers (also those that no state dict has), gradients, modes, and the optimizer's state. */
export class TrainedState {
  readonly #tensors: readonly Kept[];
  readonly #modes: readonly (readonly [ModuleBase, boolean])[];
  readonly #optimizer: Optimizer | undefined;
  readonly #state: ReturnType<Optimizer['stateDict']> | undefined;

  constructor(model: ModuleBase, optimizer: Optimizer | undefined) {
    const others = optimizer?.paramGroups.flatMap(({ params }) => params) ?? [];
    const parameters = [...model.parameters(), ...others];
    this.#tensors = [...new Set<Tensor>([...parameters, ...model.buffers()])].map((of) => {
      const { grad, requiresGrad } = of;
      return { of, values: of.detach().clone(), grad, requiresGrad };
    });
    this.#modes = [...model.modules()].map((module) => [module, module.training]);
    this.#optimizer = optimizer;
    this.#state = kept(optimizer?.stateDict()) as ReturnType<Optimizer['stateDict']> | undefined;
  }

  /** Takes the gradients away until they are put back: training writes others. */
  putGradientsAside(): void {
    for (const { of } of this.#tensors) of.grad = null;
  }

  restore(): void {
    withGradMode(false, () => {
      for (const { of, values, grad, requiresGrad } of this.#tensors) {
        of.copy_(values);
        if (of.requiresGrad !== requiresGrad) of.requiresGrad_(requiresGrad);
        of.grad = grad;
      }
    });
    for (const [module, mode] of this.#modes) module.training = mode;
    this.#optimizer?.loadStateDict(this.#state);
  }
}
