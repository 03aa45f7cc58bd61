/** What optimizers have in common whose step is one formula per element (`tensor/ops/optimizer-update.ts`): a {@link UpdateSpec} each. */
import { applyInto } from '../tensor/dispatch.ts';
import { optimizerUpdate as optimizerUpdateOps } from '../tensor/families/optimizer-update.ts';
import { updateParams, WAY, type Algorithm } from '../tensor/ops/optimizer-update.ts';
import { activeRecorder } from '../tensor/recorder.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Optimizer, type BaseHyperparameters, type ParamGroup, type ParamState } from './optimizer.ts';
import type { StateForm } from './optimizer-state.ts';
import { checkGroup, type OptimizerSignature } from './options.ts';

export interface UpdateSpec<H> {
  readonly signature: OptimizerSignature;
  readonly form: StateForm;
  readonly algorithm: Algorithm;
  /** PyTorch's names of the tensors that are kept of a parameter, in the operation's order. */
  readonly tensors: (group: ParamGroup<H>) => readonly string[];
  /** The operation's scalars, when `state` has counted this step. */
  readonly scalars: (group: ParamGroup<H>, state: ParamState) => number[];
  /** Ways to step beside climbing and decay, as bits: see `WAY`. */
  readonly ways?: (group: ParamGroup<H>) => number;
  /** What a tensor of the state begins with, where that is not 0. */
  readonly startOf?: (name: string, group: ParamGroup<H>) => number;
  /** Numbers beside the count of steps that the state begins with. */
  readonly begin?: (state: ParamState, group: ParamGroup<H>) => void;
  /** What happens at a step beside counting it. */
  readonly advance?: (state: ParamState, group: ParamGroup<H>) => void;
}

export abstract class UpdateOptimizer<H extends BaseHyperparameters> extends Optimizer<H> {
  protected abstract spec(): UpdateSpec<H>;

  protected override check(group: H): void {
    checkGroup(this.spec().signature, group);
  }

  protected override stateForm(): StateForm {
    return this.spec().form;
  }

  /** Makes a parameter's state, as PyTorch does at the first step. */
  protected prepare(param: Tensor, group: ParamGroup<H>, state: ParamState): Tensor[] {
    const { begin, startOf, tensors } = this.spec();
    if (state['step'] === undefined) {
      state['step'] = 0;
      begin?.(state, group);
    }
    return tensors(group).map((name) => (state[name] ??= this.newState(param, startOf?.(name, group))) as Tensor);
  }

  protected override update(param: Tensor, grad: Tensor, group: ParamGroup<H>, state: ParamState): void {
    const { algorithm, tensors, scalars, ways: more, advance } = this.spec();
    const kept = this.prepare(param, group, state);
    const waysOf = (): number =>
      (group.maximize === true ? WAY.maximize : 0) | ((group.weightDecay ?? 0) !== 0 ? WAY.decay : 0) | (more?.(group) ?? 0);
    const count = (): void => {
      state['step'] = (state['step'] as number) + 1;
      advance?.(state, group);
    };
    const recorder = activeRecorder();
    if (recorder === undefined) count();
    else {
      for (const name of tensors(group)) recorder.guard(() => state[name]);
      recorder.guard(waysOf);
      recorder.effect(count);
    }
    const attrs = updateParams(algorithm, waysOf());
    applyInto(optimizerUpdateOps.optimizerUpdate, [param, grad, ...kept], attrs, () => scalars(group, state), [param, ...kept]);
  }
}
