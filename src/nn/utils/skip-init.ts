/** Modules whose parameters are to be filled by the caller (https://pytorch.org/docs/stable/generated/torch.nn.utils.skip_init.html). */
import { kind, requireKind } from '../../base/arguments.ts';
import { getRngState, setRngState } from '../../tensor/random/index.ts';
import { leavingFirst } from '../fill.ts';
import { ModuleBase } from '../module-base.ts';

/**
 * `new moduleClass(...args)` that draws no random numbers: what its parameters hold is not determined, so fill them. For a model whose
 * weights are loaded next it saves drawing them, which is most of what making it takes.
 * @throws ArgumentError for what is no class of modules
 * @example
 * import { nn } from 'flambeau';
 * const layer = nn.utils.skipInit(nn.Linear, 5, 1);
 * nn.init.zeros_(layer.weight);
 */
export function skipInit<C extends abstract new (...args: never[]) => ModuleBase>(
  moduleClass: C,
  ...args: readonly unknown[]
): InstanceType<C> {
  requireKind('nn.utils.skipInit', 'the class', moduleClass, CLASS, 'write skipInit(nn.Linear, 5, 1)');
  const before = getRngState();
  try {
    return leavingFirst(() => new (moduleClass as unknown as new (...given: readonly unknown[]) => InstanceType<C>)(...args));
  } finally {
    setRngState(before);
  }
}
const CLASS = kind(
  'a class of modules',
  (value) => typeof value === 'function' && (value as { prototype?: unknown }).prototype instanceof ModuleBase,
);
