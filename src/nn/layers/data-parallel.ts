/** A module for several devices (https://pytorch.org/docs/stable/generated/torch.nn.DataParallel.html), of which there is one here. */
import { arrayOf, kind, orNull, SIZE } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { readCall, signature } from '../../base/signature.ts';
import { ModuleBase } from '../module-base.ts';
import { Module } from '../module.ts';

interface DataParallelCall<M> {
  readonly module: M;
  /** On which devices copies run: null or one. */
  readonly deviceIds?: readonly number[] | null;
}
const MODULE = kind('a module', (value) => value instanceof ModuleBase);
const CALL = signature<DataParallelCall<ModuleBase>>(
  'nn.DataParallel',
  { module: MODULE, deviceIds: orNull(arrayOf(SIZE, 'whole numbers')) },
  { required: 1 },
);

/**
 * Calls its module, as PyTorch's does where there is one device. Names of the state dict begin with `module.`, so files of programs that trained on
 * several GPUs fit.
 * @throws ArgumentError for several devices
 */
export class DataParallel<M extends ModuleBase = ModuleBase> extends Module {
  static override readonly name = 'DataParallel';
  readonly module: M;
  readonly deviceIds: readonly number[] | null;

  constructor(module: M | DataParallelCall<M>, deviceIds?: readonly number[] | null);
  constructor(...args: readonly unknown[]) {
    super();
    const { module, deviceIds = null } = readCall(CALL, args);
    if (deviceIds !== null && deviceIds.length > 1)
      throw new ArgumentError(`DataParallel: expected at most one device, but got [${deviceIds.join(', ')}]; leave deviceIds out`);
    this.module = module as M;
    this.deviceIds = deviceIds;
  }

  override forward(...inputs: Parameters<M['forward']>): ReturnType<M['forward']> {
    return (this.module as unknown as (...given: unknown[]) => unknown)(...inputs) as ReturnType<M['forward']>;
  }
}
