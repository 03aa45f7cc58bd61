/**
 * Recurrent layers over sequences: RNN, LSTM, GRU, in several layers and both directions
 * (https://pytorch.org/docs/stable/nn.html#recurrent-layers).
 *
 * A direction of a layer takes the steps of all sequences one after another, [Σ sizes, inputs], as packed sequences have them: sizes go down
 * where sequences end. What all steps need of the inputs is one product; a step is then one product with the state.
 */
import { BOOL, COUNT, oneOf, PROBABILITY, SIZE, wrongArgument } from '../../base/arguments.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { pythonBool, pythonFloat } from '../../base/python-format.ts';
import { sameDims, showShape } from '../../base/shape.ts';
import { readCall } from '../../base/signature.ts';
import { empty } from '../../tensor/create.ts';
import { cat, stack } from '../../tensor/functions.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { dropout } from '../functional-dropout.ts';
import { linearWith } from '../functional-linear.ts';
import { uniform_ } from '../init.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import { pieces } from '../pieces.ts';
import { layerOf } from '../signatures.ts';
import { PackedSequence } from '../utils/rnn.ts';
import { GATES, gruStep, lstmStep, rnnStep, type Nonlinearity, type RecurrentMode } from './recurrent-cell.ts';
import '../../tensor/families/picking.ts';

export interface RecurrentOptions {
  /** Default 1. */
  readonly numLayers?: number;
  /** Whether to add learned biases. Default true. */
  readonly bias?: boolean;
  /** Whether inputs and outputs are [N, T, …], not [T, N, …]. Default false. */
  readonly batchFirst?: boolean;
  /** The probability of dropping outputs between layers, in training. Default 0. */
  readonly dropout?: number;
  /** Whether a second direction goes from the end. Default false. */
  readonly bidirectional?: boolean;
}
export interface RNNOptions extends RecurrentOptions {
  /** Default 'tanh'. */
  readonly nonlinearity?: Nonlinearity;
}
export interface LSTMOptions extends RecurrentOptions {
  /** Size that the hidden state is projected to; 0 for none. Default 0. */
  readonly projSize?: number;
}
interface Sizes {
  readonly inputSize: number;
  readonly hiddenSize: number;
}
interface All extends Sizes, RNNOptions, LSTMOptions {}

const SIZES = { inputSize: COUNT, hiddenSize: COUNT };
const COMMON = { bias: BOOL, batchFirst: BOOL, dropout: PROBABILITY, bidirectional: BOOL };
const RNN_LAYER = layerOf<Sizes & RNNOptions>(
  'RNN',
  { ...SIZES, numLayers: COUNT, nonlinearity: oneOf('tanh', 'relu'), ...COMMON },
  { required: 2 },
);
const LSTM_LAYER = layerOf<Sizes & LSTMOptions>('LSTM', { ...SIZES, numLayers: COUNT, ...COMMON, projSize: SIZE }, { required: 2 });
const GRU_LAYER = layerOf<Sizes & RecurrentOptions>('GRU', { ...SIZES, numLayers: COUNT, ...COMMON }, { required: 2 });

/** The parameters of one direction of one layer. */
interface Weights {
  readonly ih: Tensor;
  readonly hh: Tensor;
  readonly biasIh: Tensor | null;
  readonly biasHh: Tensor | null;
  readonly hr: Tensor | null;
}

/** Sequences as the layers go through them. */
interface Steps {
  /** [Σ sizes, inputs] */
  readonly data: Tensor;
  /** How many sequences have each step; never more than before. */
  readonly sizes: readonly number[];
}

/** The states of all sequences after a direction, and the outputs of its steps. */
interface Walked {
  readonly outputs: Tensor;
  readonly states: readonly Tensor[];
}

/** What layers of all modes have in common. `S` is the state: the hidden one, or hidden and cell state. */
abstract class Recurrent extends Module {
  readonly mode: RecurrentMode;
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  readonly projSize: number;

  protected constructor(mode: RecurrentMode, given: All) {
    super();
    this.mode = mode;
    this.inputSize = given.inputSize;
    this.hiddenSize = given.hiddenSize;
    this.numLayers = given.numLayers ?? 1;
    this.bias = given.bias ?? true;
    this.batchFirst = given.batchFirst ?? false;
    this.dropout = given.dropout ?? 0;
    this.bidirectional = given.bidirectional ?? false;
    this.projSize = given.projSize ?? 0;
    if (this.projSize >= this.hiddenSize)
      throw new ArgumentError(
        `${this.typeName()}: expected projSize to be below hiddenSize, but got ${this.projSize} and ${this.hiddenSize}`,
      );
    this._addParameters();
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const parameter of this.parameters()) uniform_(parameter, -bound, bound);
  }

  private get _directions(): number {
    return this.bidirectional ? 2 : 1;
  }

  /** The size of what comes out of a direction. */
  private get _outputSize(): number {
    return this.projSize > 0 ? this.projSize : this.hiddenSize;
  }

  private _addParameters(): void {
    const rows = GATES[this.mode] * this.hiddenSize;
    for (let layer = 0; layer < this.numLayers; layer++) {
      const inputs = layer === 0 ? this.inputSize : this._outputSize * this._directions;
      for (const suffix of this._suffixes(layer)) {
        const add = (name: string, ...sizes: number[]): void => {
          this.registerParameter(name + suffix, new Parameter(empty(sizes)));
        };
        add('weight_ih', rows, inputs);
        add('weight_hh', rows, this._outputSize);
        if (this.bias) add('bias_ih', rows);
        if (this.bias) add('bias_hh', rows);
        if (this.projSize > 0) add('weight_hr', this.projSize, this.hiddenSize);
      }
    }
  }

  private _suffixes(layer: number): string[] {
    return this.bidirectional ? [`_l${layer}`, `_l${layer}_reverse`] : [`_l${layer}`];
  }

  private _weights(suffix: string): Weights {
    const fields = this as unknown as Readonly<Record<string, Tensor | undefined>>;
    const of = (name: string): Tensor | null => fields[name + suffix] ?? null;
    return {
      ih: of('weight_ih')!,
      hh: of('weight_hh')!,
      biasIh: of('bias_ih'),
      biasHh: of('bias_hh'),
      hr: of('weight_hr'),
    };
  }

  /** All layers over all steps, from the given states [layers·directions, N, size]. */
  protected walk(steps: Steps, states: readonly Tensor[]): Walked {
    const ends: Tensor[][] = states.map(() => []);
    let { data } = steps;
    for (let layer = 0; layer < this.numLayers; layer++) {
      const outputs = this._suffixes(layer).map((suffix, direction) => {
        const from = states.map((state) => state.select(0, layer * this._directions + direction));
        const walked = this._direction(this._weights(suffix), { data, sizes: steps.sizes }, from, direction === 1);
        walked.states.forEach((state, i) => ends[i]!.push(state));
        return walked.outputs;
      });
      data = outputs.length === 1 ? outputs[0]! : cat(outputs, 1);
      if (this.dropout > 0 && layer < this.numLayers - 1) data = dropout(data, this.dropout, this.training);
    }
    return { outputs: data, states: ends.map((end) => stack(end, 0)) };
  }

  /** One direction of one layer. Sequences that have ended keep their state; backwards they begin when their last step comes. */
  private _direction(weights: Weights, { data, sizes }: Steps, initial: readonly Tensor[], backwards: boolean): Walked {
    const inputs = pieces(linearWith(data, weights.ih, weights.biasIh), sizes, 0);
    const outputs = Array<Tensor>(sizes.length);
    const ended: Tensor[][] = initial.map(() => []); // the shortest sequences last
    const order = Array.from(sizes, (_, i) => (backwards ? sizes.length - 1 - i : i));
    let states = initial.map((state) => state.narrow(0, 0, sizes[order[0]!]!));
    for (const t of order) {
      const [had, has] = [states[0]!.layout.shape[0]!, sizes[t]!];
      if (has < had) states.forEach((state, i) => ended[i]!.push(state.narrow(0, has, had - has)));
      if (has < had) states = states.map((state) => state.narrow(0, 0, has));
      if (has > had) states = states.map((state, i) => cat([state, initial[i]!.narrow(0, had, has - had)] as Tensor[], 0));
      states = this._step(weights, inputs[t]!, states);
      outputs[t] = states[0]!;
    }
    const whole = (state: Tensor, i: number): Tensor => (ended[i]!.length === 0 ? state : cat([state, ...ended[i]!.reverse()], 0));
    return { outputs: cat(outputs, 0), states: states.map(whole) };
  }

  private _step(weights: Weights, x: Tensor, states: readonly Tensor[]): Tensor[] {
    const h = states[0]!;
    const ofState = linearWith(h, weights.hh, weights.biasHh);
    if (this.mode === 'GRU') return [gruStep(x, ofState, h)];
    if (this.mode !== 'LSTM') return [rnnStep(x, ofState, this.mode === 'RNN_RELU')];
    const [hidden, cell] = lstmStep(x.add(ofState), states[1]!);
    return [weights.hr === null ? hidden : linearWith(hidden, weights.hr, null), cell];
  }

  /** Runs on a padded or a packed batch, or one sequence. */
  protected sequence(input: unknown, given: readonly (Tensor | undefined)[]): { output: Tensor | PackedSequence; states: Tensor[] } {
    if (input instanceof PackedSequence) return this._packed(input, given);
    const name = this.typeName();
    if (!isTensor(input)) throw wrongArgument(name, 'the input', 'a tensor or a PackedSequence', input);
    const x = input;
    if (x.ndim !== 2 && x.ndim !== 3)
      throw new ShapeError(
        `${name}: expected an input [T, N, ${this.inputSize}] or [T, ${this.inputSize}], but got ${showShape(x.layout.shape)}`,
      );
    const single = x.ndim === 2;
    const byTime = single ? x.unsqueeze(1) : this.batchFirst ? x.transpose(0, 1) : x;
    const [steps, samples, size] = byTime.layout.shape as [number, number, number];
    if (size !== this.inputSize)
      throw new ShapeError(
        `${name}: expected inputs of size ${this.inputSize}, but got ${showShape(x.layout.shape)}; set inputSize to ${size}`,
      );
    if (steps === 0) throw new ShapeError(`${name}: expected a sequence of at least one step, but got ${showShape(x.layout.shape)}`);
    const states = this._states(byTime, samples, single ? given.map((h) => h?.unsqueeze(1) as Tensor) : given);
    const sizes = Array<number>(steps).fill(samples);
    const walked = this.walk({ data: byTime.reshape([steps * samples, size]), sizes }, states);
    const output = walked.outputs.reshape([steps, samples, this._outputSize * this._directions]) as Tensor;
    if (single) return { output: output.squeeze(1), states: walked.states.map((state) => state.squeeze(1)) };
    return { output: this.batchFirst ? output.transpose(0, 1) : output, states: [...walked.states] };
  }

  private _packed(packed: PackedSequence, given: readonly (Tensor | undefined)[]): { output: PackedSequence; states: Tensor[] } {
    const { data, batchSizes, sortedIndices, unsortedIndices } = packed;
    const sizes = Array.from(batchSizes.toTypedArray(), Number);
    const inOrder = (t: Tensor, order: Tensor | null): Tensor => (order === null ? t : t.indexSelect(1, order));
    const sorted = given.map((h) => h && inOrder(h, sortedIndices));
    const walked = this.walk({ data, sizes }, this._states(data, sizes[0]!, sorted));
    const output = new PackedSequence(walked.outputs, batchSizes, sortedIndices, unsortedIndices);
    return { output, states: walked.states.map((state) => inOrder(state, unsortedIndices)) };
  }

  /** The states to begin with: those given, after checks, or zeros. */
  private _states(like: Tensor, samples: number, given: readonly (Tensor | undefined)[]): Tensor[] {
    return given.map((state, i) => {
      const expected = [this.numLayers * this._directions, samples, i === 0 ? this._outputSize : this.hiddenSize];
      if (state === undefined) return like.newZeros(expected);
      if (!isTensor(state)) throw wrongArgument(this.typeName(), 'the state', 'a tensor', state);
      if (!sameDims(state.layout.shape, expected))
        throw new ShapeError(
          `${this.typeName()}: expected a state of shape ${showShape(expected)}, but got ${showShape(state.layout.shape)}`,
        );
      return state;
    });
  }

  override extraRepr(): string {
    return [
      `${this.inputSize}, ${this.hiddenSize}`,
      this.projSize > 0 && `proj_size=${this.projSize}`,
      this.numLayers > 1 && `num_layers=${this.numLayers}`,
      !this.bias && `bias=${pythonBool(false)}`,
      this.batchFirst && `batch_first=${pythonBool(true)}`,
      this.dropout > 0 && `dropout=${pythonFloat(this.dropout)}`,
      this.bidirectional && `bidirectional=${pythonBool(true)}`,
    ]
      .filter((part) => part !== false)
      .join(', ');
  }
}

/** Options of a layer after its number of layers, by name; at any later position what remains of them. */
type After<O> = Omit<O, 'numLayers'>;

/** What comes out of a recurrent layer: a tensor of a tensor, whose features are others, and sequences of sequences. */
type SequenceOf<X> = X extends PackedSequence ? X : Tensor;

/** A plain recurrent network (https://pytorch.org/docs/stable/generated/torch.nn.RNN.html). */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the constructor makes every module callable
export class RNN extends Recurrent {
  readonly nonlinearity: Nonlinearity;

  constructor(
    inputSize: number,
    hiddenSize: number,
    numLayers?: number | RNNOptions,
    nonlinearity?: Nonlinearity | After<RNNOptions>,
    bias?: boolean | After<RecurrentOptions>,
    batchFirst?: boolean | Omit<RecurrentOptions, 'numLayers' | 'bias'>,
    dropout?: number | Pick<RecurrentOptions, 'dropout' | 'bidirectional'>,
    bidirectional?: boolean | Pick<RecurrentOptions, 'bidirectional'>,
  );
  constructor(options: Sizes & RNNOptions);
  constructor(...args: readonly unknown[]) {
    const given = readCall(RNN_LAYER, args);
    super(given.nonlinearity === 'relu' ? 'RNN_RELU' : 'RNN_TANH', given);
    this.nonlinearity = given.nonlinearity ?? 'tanh';
  }

  /** @returns outputs of all steps, and the last hidden states [layers·directions, N, hidden] */
  override forward<X extends Tensor | PackedSequence>(input: X, hx?: Tensor | null): [SequenceOf<X>, Tensor] {
    const { output, states } = this.sequence(input, [hx ?? undefined]);
    return [output as SequenceOf<X>, states[0]!];
  }
}

/** A long short-term memory (https://pytorch.org/docs/stable/generated/torch.nn.LSTM.html). */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the constructor makes every module callable
export class LSTM extends Recurrent {
  constructor(
    inputSize: number,
    hiddenSize: number,
    numLayers?: number | LSTMOptions,
    bias?: boolean | After<LSTMOptions>,
    batchFirst?: boolean | Omit<LSTMOptions, 'numLayers' | 'bias'>,
    dropout?: number | Pick<LSTMOptions, 'dropout' | 'bidirectional' | 'projSize'>,
    bidirectional?: boolean | Pick<LSTMOptions, 'bidirectional' | 'projSize'>,
    projSize?: number | Pick<LSTMOptions, 'projSize'>,
  );
  constructor(options: Sizes & LSTMOptions);
  constructor(...args: readonly unknown[]) {
    super('LSTM', readCall(LSTM_LAYER, args));
  }

  /** @returns outputs of all steps, and the last hidden and cell states */
  override forward<X extends Tensor | PackedSequence>(input: X, hx?: readonly [Tensor, Tensor] | null): [SequenceOf<X>, [Tensor, Tensor]] {
    const { output, states } = this.sequence(input, [hx?.[0], hx?.[1]]);
    return [output as SequenceOf<X>, states as [Tensor, Tensor]];
  }
}

/** A gated recurrent unit (https://pytorch.org/docs/stable/generated/torch.nn.GRU.html). */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the constructor makes every module callable
export class GRU extends Recurrent {
  constructor(
    inputSize: number,
    hiddenSize: number,
    numLayers?: number | RecurrentOptions,
    bias?: boolean | After<RecurrentOptions>,
    batchFirst?: boolean | Omit<RecurrentOptions, 'numLayers' | 'bias'>,
    dropout?: number | Pick<RecurrentOptions, 'dropout' | 'bidirectional'>,
    bidirectional?: boolean | Pick<RecurrentOptions, 'bidirectional'>,
  );
  constructor(options: Sizes & RecurrentOptions);
  constructor(...args: readonly unknown[]) {
    super('GRU', readCall(GRU_LAYER, args));
  }

  /** @returns outputs of all steps, and the last hidden states [layers·directions, N, hidden] */
  override forward<X extends Tensor | PackedSequence>(input: X, hx?: Tensor | null): [SequenceOf<X>, Tensor] {
    const { output, states } = this.sequence(input, [hx ?? undefined]);
    return [output as SequenceOf<X>, states[0]!];
  }
}

export interface RNN {
  <X extends Tensor | PackedSequence>(input: X, hx?: Tensor | null): [SequenceOf<X>, Tensor];
}

export interface LSTM {
  <X extends Tensor | PackedSequence>(input: X, hx?: readonly [Tensor, Tensor] | null): [SequenceOf<X>, [Tensor, Tensor]];
}

export interface GRU {
  <X extends Tensor | PackedSequence>(input: X, hx?: Tensor | null): [SequenceOf<X>, Tensor];
}
