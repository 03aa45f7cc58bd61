/** One step of recurrent networks: the formulas of RNN, LSTM and GRU, and the layers that are one step. */
import { BOOL, oneOf, SIZE } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { pythonBool } from '../../base/python-format.ts';
import { showShape } from '../../base/shape.ts';
import { readCall } from '../../base/signature.ts';
import { requireTensor } from '../../tensor/arguments.ts';
import { empty } from '../../tensor/create.ts';
import { fused } from '../../tensor/fused.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { linearWith } from '../functional-linear.ts';
import { uniform_ } from '../init.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import { pieces } from '../pieces.ts';
import { layerOf } from '../signatures.ts';

export type Nonlinearity = 'tanh' | 'relu';

/** How many gates a mode has, each as large as the hidden state. */
export const GATES = { RNN_TANH: 1, RNN_RELU: 1, LSTM: 4, GRU: 3 } as const;
export type RecurrentMode = keyof typeof GATES;

/** Parts of a row, one for each gate. */
const gates = (x: Tensor, count: number): Tensor[] => pieces(x, Array<number>(count).fill(x.layout.shape[1]! / count), 1);

/** h' = tanh(x + W·h), x being the input's part already. */
export const rnnStep = (x: Tensor, h: Tensor, relu: boolean): Tensor => (relu ? x.add(h).relu() : x.add(h).tanh());

const CELL_STATE = fused('AddBackward0', ([forget, c, input, cell]) => forget!.sigmoid().mul(c!).add(input!.sigmoid().mul(cell!.tanh())));
const HIDDEN_STATE = fused('MulBackward0', ([output, c]) => output!.sigmoid().mul(c!.tanh()));

/** The new hidden and cell state from the sum of both parts. */
export function lstmStep(sum: Tensor, c: Tensor): [h: Tensor, c: Tensor] {
  const [input, forget, cell, output] = gates(sum, 4) as [Tensor, Tensor, Tensor, Tensor];
  const next = CELL_STATE([forget, c, input, cell]);
  return [HIDDEN_STATE([output, next]), next];
}

const GRU_STATE = fused('AddBackward0', ([xr, xz, xn, hr, hz, hn, state]) => {
  const reset = xr!.add(hr!).sigmoid();
  const update = xz!.add(hz!).sigmoid();
  const candidate = xn!.add(reset.mul(hn!)).tanh();
  return state!.sub(candidate).mul(update).add(candidate);
});

/** The new hidden state from the input's part, the state's part and the state. */
export const gruStep = (x: Tensor, h: Tensor, state: Tensor): Tensor => GRU_STATE([...gates(x, 3), ...gates(h, 3), state]);

interface CellOptions {
  /** Whether to add learned biases. Default true. */
  readonly bias?: boolean;
}
interface CellArguments extends CellOptions {
  readonly inputSize: number;
  readonly hiddenSize: number;
}
interface RNNCellOptions extends CellOptions {
  /** Default 'tanh'. */
  readonly nonlinearity?: Nonlinearity;
}
const CELL_KINDS = { inputSize: SIZE, hiddenSize: SIZE, bias: BOOL };
const RNN_CELL = layerOf<CellArguments & RNNCellOptions>(
  'RNNCell',
  { ...CELL_KINDS, nonlinearity: oneOf('tanh', 'relu') },
  { required: 2 },
);

/** What the cells have in common: weights of the input and of the hidden state. */
abstract class Cell extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  weight_ih: Parameter;
  weight_hh: Parameter;
  bias_ih: Parameter | null;
  bias_hh: Parameter | null;

  protected constructor({ inputSize, hiddenSize, bias = true }: CellArguments, count: number) {
    super();
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.weight_ih = new Parameter(empty(count * hiddenSize, inputSize));
    this.weight_hh = new Parameter(empty(count * hiddenSize, hiddenSize));
    this.bias_ih = bias ? new Parameter(empty(count * hiddenSize)) : null;
    this.bias_hh = bias ? new Parameter(empty(count * hiddenSize)) : null;
    for (const name of ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh'] as const) this.registerParameter(name, this[name]);
    const bound = hiddenSize > 0 ? 1 / Math.sqrt(hiddenSize) : 0;
    for (const parameter of this.parameters()) uniform_(parameter, -bound, bound);
  }

  /** A batch of the input and of the state, after checks; whether there was none. */
  protected batch(input: Tensor, states: readonly (Tensor | null | undefined)[]): { x: Tensor; hs: Tensor[]; single: boolean } {
    const name = this.typeName();
    requireTensor(name, 'the input', input);
    if (input.ndim !== 1 && input.ndim !== 2)
      throw new ShapeError(
        `${name}: expected an input [N, ${this.inputSize}] or [${this.inputSize}], but got ${showShape(input.layout.shape)}`,
      );
    const single = input.ndim === 1;
    const x = single ? input.unsqueeze(0) : input;
    if (x.layout.shape[1] !== this.inputSize)
      throw new ShapeError(
        `${name}: expected inputs of size ${this.inputSize}, but got ${showShape(input.layout.shape)}; set inputSize to ${x.layout.shape[1]!}`,
      );
    const sizes = [x.layout.shape[0]!, this.hiddenSize];
    const hs = states.map((state) => {
      if (state === null || state === undefined) return x.newZeros(sizes);
      requireTensor(name, 'the hidden state', state);
      const h = single && state.ndim === 1 ? state.unsqueeze(0) : state;
      if (h.layout.shape.join() !== sizes.join())
        throw new ShapeError(`${name}: expected a hidden state of shape ${showShape(sizes)}, but got ${showShape(state.layout.shape)}`);
      return h;
    });
    return { x: x, hs, single };
  }

  protected ofInput(x: Tensor): Tensor {
    return linearWith(x, this.weight_ih, this.bias_ih);
  }

  protected ofState(h: Tensor): Tensor {
    return linearWith(h, this.weight_hh, this.bias_hh);
  }

  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.bias_ih === null ? `, bias=${pythonBool(false)}` : ''}`;
  }
}

const one = (t: Tensor, single: boolean): Tensor => (single ? t.squeeze(0) : t);

/** h' = tanh(W·x + b + W'·h + b') (https://pytorch.org/docs/stable/generated/torch.nn.RNNCell.html). */
export class RNNCell extends Cell {
  readonly nonlinearity: Nonlinearity;

  constructor(
    inputSize: number,
    hiddenSize: number,
    bias?: boolean | RNNCellOptions,
    nonlinearity?: Nonlinearity | Pick<RNNCellOptions, 'nonlinearity'>,
  );
  constructor(options: CellArguments & RNNCellOptions);
  constructor(...args: readonly unknown[]) {
    const given = readCall(RNN_CELL, args);
    super(given, 1);
    this.nonlinearity = given.nonlinearity ?? 'tanh';
  }

  override forward(input: Tensor, hx?: Tensor | null): Tensor {
    const { x, hs, single } = this.batch(input, [hx]);
    return one(rnnStep(this.ofInput(x), this.ofState(hs[0]!), this.nonlinearity === 'relu'), single);
  }

  override extraRepr(): string {
    return `${super.extraRepr()}${this.nonlinearity === 'tanh' ? '' : `, nonlinearity=${this.nonlinearity}`}`;
  }
}

/** One step of a long short-term memory: gives the new hidden state and cell state. */
export class LSTMCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, bias?: boolean | CellOptions);
  constructor(options: CellArguments);
  constructor(...args: readonly unknown[]) {
    super(readCall(layerOf<CellArguments>('LSTMCell', CELL_KINDS, { required: 2 }), args), 4);
  }

  override forward(input: Tensor, hx?: readonly [Tensor, Tensor] | null): [Tensor, Tensor] {
    const { x, hs, single } = this.batch(input, [hx?.[0], hx?.[1]]);
    const [h, c] = lstmStep(this.ofInput(x).add(this.ofState(hs[0]!)), hs[1]!);
    return [one(h, single), one(c, single)];
  }
}

/** One step of a gated recurrent unit. */
export class GRUCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, bias?: boolean | CellOptions);
  constructor(options: CellArguments);
  constructor(...args: readonly unknown[]) {
    super(readCall(layerOf<CellArguments>('GRUCell', CELL_KINDS, { required: 2 }), args), 3);
  }

  override forward(input: Tensor, hx?: Tensor | null): Tensor {
    const { x, hs, single } = this.batch(input, [hx]);
    return one(gruStep(this.ofInput(x), this.ofState(hs[0]!), hs[0]!), single);
  }
}
