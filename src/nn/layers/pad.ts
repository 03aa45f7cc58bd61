/** Padding layers of one to three dimensions. */
import { NUMBER, WHOLE } from '../../base/arguments.ts';
import { pythonFloat, pythonTuple } from '../../base/python-format.ts';
import { readCall, signature, type Signature } from '../../base/signature.ts';
import { padParams } from '../../geometry/indexing.ts';
import { apply1 } from '../../tensor/dispatch.ts';
import { indexing } from '../../tensor/families/indexing.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { byOperation, padAs, type PadMode } from '../functional-pad.ts';
import { requireRank, sizesOf, type Sizes } from '../spatial.ts';
import type { DynamicFn } from './conv-nd.ts';
import { Layer } from './layer.ts';

interface PadArguments {
  readonly padding: Sizes;
  readonly value?: number;
}
const signatureOf = (name: string, n: number, valued = false): Signature<PadArguments> =>
  signature<PadArguments>(name, { padding: sizesOf(2 * n, WHOLE), ...(valued ? { value: NUMBER } : {}) } as never, {
    required: valued ? 2 : 1,
    example: valued ? `new nn.${name}(2, 0.5)` : `new nn.${name}(2)`,
  });

/** What all of them are. */
abstract class PadLayer extends Layer<DynamicFn> {
  /** Counts before and after, from the last dimension on. */
  readonly padding: readonly number[];
  protected readonly filling: number;
  private readonly _mode: PadMode;

  protected constructor(name: string, n: number, mode: PadMode, args: readonly unknown[], valued = false) {
    super();
    const { padding, value = 0 } = readCall(signatureOf(name, n, valued), args);
    this.padding = typeof padding === 'number' ? new Array<number>(2 * n).fill(padding) : [...padding];
    this.filling = value;
    this._mode = mode;
  }

  protected override run(x: Tensor): Tensor {
    if (this._mode === 'constant') return apply1(indexing.pad, [x], padParams(this.padding), [this.filling]);
    requireRank(this.typeName(), x, this.padding.length / 2);
    return padAs(this.typeName(), x, this.padding, this._mode, byOperation);
  }

  override extraRepr(): string {
    return pythonTuple(this.padding);
  }
}

type PadArgumentList = [padding: Sizes | { readonly padding: Sizes }];
type ConstantArgumentList =
  [padding: Sizes, value: number | { readonly value: number }] | [all: { readonly padding: Sizes; readonly value: number }];

/** Pads sequences [N, C, L] with the input mirrored, without its border. */
export class ReflectionPad1d extends PadLayer {
  static override readonly name: string = 'ReflectionPad1d';
  constructor(...args: PadArgumentList) {
    super('ReflectionPad1d', 1, 'reflect', args);
  }
}

/** Pads images [N, C, H, W] with the input mirrored, without its border. */
export class ReflectionPad2d extends PadLayer {
  static override readonly name: string = 'ReflectionPad2d';
  constructor(...args: PadArgumentList) {
    super('ReflectionPad2d', 2, 'reflect', args);
  }
}

/** Pads volumes [N, C, D, H, W] with the input mirrored, without its border. */
export class ReflectionPad3d extends PadLayer {
  static override readonly name: string = 'ReflectionPad3d';
  constructor(...args: PadArgumentList) {
    super('ReflectionPad3d', 3, 'reflect', args);
  }
}

/** Pads sequences [N, C, L] with the border. */
export class ReplicationPad1d extends PadLayer {
  static override readonly name: string = 'ReplicationPad1d';
  constructor(...args: PadArgumentList) {
    super('ReplicationPad1d', 1, 'replicate', args);
  }
}

/** Pads images [N, C, H, W] with the border. */
export class ReplicationPad2d extends PadLayer {
  static override readonly name: string = 'ReplicationPad2d';
  constructor(...args: PadArgumentList) {
    super('ReplicationPad2d', 2, 'replicate', args);
  }
}

/** Pads volumes [N, C, D, H, W] with the border. */
export class ReplicationPad3d extends PadLayer {
  static override readonly name: string = 'ReplicationPad3d';
  constructor(...args: PadArgumentList) {
    super('ReplicationPad3d', 3, 'replicate', args);
  }
}

/** Pads sequences [N, C, L] with the other side. */
export class CircularPad1d extends PadLayer {
  static override readonly name: string = 'CircularPad1d';
  constructor(...args: PadArgumentList) {
    super('CircularPad1d', 1, 'circular', args);
  }
}

/** Pads images [N, C, H, W] with the other side. */
export class CircularPad2d extends PadLayer {
  static override readonly name: string = 'CircularPad2d';
  constructor(...args: PadArgumentList) {
    super('CircularPad2d', 2, 'circular', args);
  }
}

/** Pads volumes [N, C, D, H, W] with the other side. */
export class CircularPad3d extends PadLayer {
  static override readonly name: string = 'CircularPad3d';
  constructor(...args: PadArgumentList) {
    super('CircularPad3d', 3, 'circular', args);
  }
}

/** Pads sequences [N, C, L] with zeros. */
export class ZeroPad1d extends PadLayer {
  static override readonly name: string = 'ZeroPad1d';
  constructor(...args: PadArgumentList) {
    super('ZeroPad1d', 1, 'constant', args);
  }
}

/** Pads images [N, C, H, W] with zeros. */
export class ZeroPad2d extends PadLayer {
  static override readonly name: string = 'ZeroPad2d';
  constructor(...args: PadArgumentList) {
    super('ZeroPad2d', 2, 'constant', args);
  }
}

/** Pads volumes [N, C, D, H, W] with zeros. */
export class ZeroPad3d extends PadLayer {
  static override readonly name: string = 'ZeroPad3d';
  constructor(...args: PadArgumentList) {
    super('ZeroPad3d', 3, 'constant', args);
  }
}

/** Pads sequences [N, C, L] with a value. */
export class ConstantPad1d extends PadLayer {
  static override readonly name: string = 'ConstantPad1d';
  constructor(...args: ConstantArgumentList) {
    super('ConstantPad1d', 1, 'constant', args, true);
  }
  get value(): number {
    return this.filling;
  }
  override extraRepr(): string {
    return `padding=${super.extraRepr()}, value=${shownValue(this.filling)}`;
  }
}

/** Pads images [N, C, H, W] with a value. */
export class ConstantPad2d extends PadLayer {
  static override readonly name: string = 'ConstantPad2d';
  constructor(...args: ConstantArgumentList) {
    super('ConstantPad2d', 2, 'constant', args, true);
  }
  get value(): number {
    return this.filling;
  }
  override extraRepr(): string {
    return `padding=${super.extraRepr()}, value=${shownValue(this.filling)}`;
  }
}

/** Pads volumes [N, C, D, H, W] with a value. */
export class ConstantPad3d extends PadLayer {
  static override readonly name: string = 'ConstantPad3d';
  constructor(...args: ConstantArgumentList) {
    super('ConstantPad3d', 3, 'constant', args, true);
  }
  get value(): number {
    return this.filling;
  }
  override extraRepr(): string {
    return `padding=${super.extraRepr()}, value=${shownValue(this.filling)}`;
  }
}

/** A value as it was given in Python, where JavaScript still tells: whole numbers without a point. */
const shownValue = (value: number): string => (Number.isInteger(value) ? String(value) : pythonFloat(value));
