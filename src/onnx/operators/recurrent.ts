/**
 * ONNX's recurrent layers, step by step, as models of PyTorch have them: the activations of the standard, whole sequences, no peepholes. Sequences
 * are [T, N, inputs], weights [directions, gates·hidden, …], outputs [T, directions, N, hidden].
 */
import { cat, stack } from '../../tensor/functions.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { flip } from './shape.ts';
import type { Args, OnnxNode, Operator } from '../node.ts';

type Kind = 'RNN' | 'LSTM' | 'GRU';
const GATES: Readonly<Record<Kind, number>> = { RNN: 1, LSTM: 4, GRU: 3 };
const ACTIVATIONS: Readonly<Record<Kind, readonly string[]>> = {
  RNN: ['Tanh'],
  LSTM: ['Sigmoid', 'Tanh', 'Tanh'],
  GRU: ['Sigmoid', 'Tanh'],
};

interface Settings {
  readonly kind: Kind;
  readonly relu: boolean;
  /** GRU: whether the reset gate comes after the product with the state, as in PyTorch. */
  readonly resetAfter: boolean;
}

/** One direction's weights; biases are there or not at all. */
interface Weights {
  readonly input: Tensor;
  readonly state: Tensor;
  readonly inputBias: Tensor | null;
  readonly stateBias: Tensor | null;
}

const product = (x: Tensor, weight: Tensor, bias: Tensor | null): Tensor => {
  const y: Tensor = x.matmul(weight.transpose(0, 1));
  return bias === null ? y : y.add(bias);
};

/** The states after a step, the hidden one first. `x` is what the step needs of the input. */
function step({ kind, relu, resetAfter }: Settings, w: Weights, x: Tensor, states: readonly Tensor[]): Tensor[] {
  const [h, cell] = states as readonly [Tensor, Tensor];
  if (kind === 'RNN') {
    const sum = x.add(product(h, w.state, w.stateBias));
    return [relu ? sum.relu() : sum.tanh()];
  }
  if (kind === 'LSTM') {
    const [input, output, forget, candidate] = x.add(product(h, w.state, w.stateBias)).chunk(4, 1) as [Tensor, Tensor, Tensor, Tensor];
    const next = forget.sigmoid().mul(cell).add(input.sigmoid().mul(candidate.tanh()));
    return [output.sigmoid().mul(next.tanh()), next];
  }
  const [xz, xr, xh] = x.chunk(3, 1) as [Tensor, Tensor, Tensor];
  const parts = (t: Tensor, dim: number): [Tensor, Tensor, Tensor] => t.chunk(3, dim) as [Tensor, Tensor, Tensor];
  const [wz, wr, wh] = parts(w.state, 0);
  const [bz, br, bh] = w.stateBias === null ? [null, null, null] : parts(w.stateBias, 0);
  const update = xz.add(product(h, wz, bz)).sigmoid();
  const reset = xr.add(product(h, wr, br)).sigmoid();
  const ofState = resetAfter ? reset.mul(product(h, wh, bh)) : product(reset.mul(h), wh, bh);
  const candidate = xh.add(ofState).tanh();
  return [update.mul(h.sub(candidate)).add(candidate)];
}

/** All steps of one direction: outputs [T, N, hidden], and the last states. */
function walked(
  settings: Settings,
  w: Weights,
  x: Tensor,
  initial: readonly Tensor[],
  backwards: boolean,
): { outputs: Tensor; states: readonly Tensor[] } {
  const inputs = product(backwards ? flip(x, [0]) : x, w.input, w.inputBias);
  let states = initial;
  const outputs = Array.from({ length: x.layout.shape[0]! }, (_, t) => {
    states = step(settings, w, inputs.select(0, t), states);
    return states[0]!;
  });
  const whole: Tensor = stack(outputs, 0);
  return { outputs: backwards ? flip(whole, [0]) : whole, states };
}

/** What there is no way for here is refused before anything runs. */
function settingsOf(node: OnnxNode, kind: Kind, directions: number): Settings {
  const given = node.strings('activations') ?? Array.from({ length: directions }, () => ACTIVATIONS[kind]).flat();
  const relu = kind === 'RNN' && given.length === directions && given.every((name) => name === 'Relu');
  const usual = Array.from({ length: directions }, () => ACTIVATIONS[kind]).flat();
  if (!relu && given.join() !== usual.join()) node.refuse(`activations ${given.join(', ')}`);
  for (const name of ['clip', 'activation_alpha', 'activation_beta']) if (node.has(name)) node.refuse(name);
  if (node.flag('input_forget')) node.refuse('input_forget');
  if (node.hasInput(4)) node.refuse('lengths of sequences');
  if (node.hasInput(7)) node.refuse('peepholes');
  return { kind, relu, resetAfter: kind === 'GRU' && node.flag('linear_before_reset') };
}

function weightsOf(args: Args, direction: number, rows: number): Weights {
  const bias = args.maybe(3)?.select(0, direction);
  return {
    input: args.tensor(1).select(0, direction),
    state: args.tensor(2).select(0, direction),
    inputBias: bias?.narrow(0, 0, rows) ?? null,
    stateBias: bias?.narrow(0, rows, rows) ?? null,
  };
}

const recurrent = (kind: Kind): Operator => ({
  build: (node) => {
    const direction = node.oneOf('direction', ['forward', 'reverse', 'bidirectional'], 'forward');
    const backwards = direction === 'bidirectional' ? [false, true] : [direction === 'reverse'];
    const settings = settingsOf(node, kind, backwards.length);
    const batchFirst = node.flag('layout');
    node.ignore('hidden_size');
    return (args) => {
      const given = args.tensor(0);
      const x = batchFirst ? given.transpose(0, 1) : given;
      const hidden = args.tensor(2).layout.shape[2] ?? node.fail('the weights of the state are no [directions, gates, hidden]');
      const rows = GATES[kind] * hidden;
      const fits =
        x.ndim === 3 && [1, 2].every((i) => args.tensor(i).layout.shape[0] === backwards.length && args.tensor(i).layout.shape[1] === rows);
      if (!fits || x.layout.shape[0] === 0) node.fail('the sequences are no [T, N, inputs] of a step or more, or the weights do not fit');
      const initial = (i: number, d: number): Tensor => {
        const state = args.maybe(i);
        if (state === null) return x.newZeros([x.layout.shape[1]!, hidden]);
        return batchFirst ? state.select(1, d) : state.select(0, d);
      };
      const ends = backwards.map((back, d) => {
        const states = kind === 'LSTM' ? [initial(5, d), initial(6, d)] : [initial(5, d)];
        return walked(settings, weightsOf(args, d, rows), x, states, back);
      });
      const y: Tensor = stack(
        ends.map(({ outputs }) => outputs),
        1,
      );
      const last = ends[0]!.states.map((_, i) =>
        cat(
          ends.map(({ states }) => states[i]!.unsqueeze(batchFirst ? 1 : 0)),
          batchFirst ? 1 : 0,
        ),
      );
      return [batchFirst ? y.permute(2, 0, 1, 3) : y, ...last];
    };
  },
});

export const recurrentOperators = {
  RNN: recurrent('RNN'),
  LSTM: recurrent('LSTM'),
  GRU: recurrent('GRU'),
} as const satisfies Record<string, Operator>;
