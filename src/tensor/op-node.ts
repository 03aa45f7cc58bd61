/** The record of an operation for the backward pass: what its gradient needs, kept with the versions that it had. */
import { InternalError } from '../base/errors.ts';
import type { Layout } from '../base/layout.ts';
import type { Attrs } from '../geometry/attrs.ts';
import { GradNode, type Edge, type Grads } from './autograd.ts';
import type { OpName } from './ops/index.ts';
import type { Apply, Gradient, GradientContext } from './ops/rule.ts';
import { alreadyReleased, SavedTensor } from './saved.ts';
import type { Tensor } from './tensor.ts';

let applyOp: Apply = () => {
  throw new InternalError('dispatch.ts is not loaded');
};

/** The dispatcher, which makes these nodes, says how they run operations. */
export function registerApply(apply: Apply): void {
  applyOp = apply;
}

const NOTHING: (SavedTensor | undefined)[] = [];

/** The tensors at some places, each in its place. */
function savedAt(places: readonly number[] | undefined, tensors: readonly Tensor[], made?: GradNode): (SavedTensor | undefined)[] {
  if (places === undefined || places.length === 0) return NOTHING;
  const saved: (SavedTensor | undefined)[] = [];
  for (let i = 0; i < tensors.length; i++) {
    const tensor = tensors[i]!;
    saved.push(places.includes(i) ? new SavedTensor(tensor, made && { node: made, index: i }) : undefined);
  }
  return saved;
}

/** The record of an operation from the rule tables. */
export class OpNode extends GradNode {
  readonly label: string;
  readonly #op: OpName;
  readonly #gradient: Gradient<Attrs>;
  readonly #attrs: Attrs;
  readonly #scalars: readonly number[];
  readonly #inputLayouts: readonly Layout[];
  readonly #outputLayouts: readonly Layout[];
  /** By their places; undefined once they are let go of. */
  #savedInputs: (SavedTensor | undefined)[] | undefined = [];
  #savedOutputs: (SavedTensor | undefined)[] = NOTHING;
  /** Whether it can run but once, unless the graph is retained. */
  readonly #keeps: boolean;

  constructor(
    op: OpName,
    gradient: Gradient<Attrs>,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    attrs: Attrs,
    scalars: readonly number[],
    /** For in-place operations: runs between saving the inputs' history and saving the outputs. */
    execute?: () => void,
  ) {
    const edges: (Edge | undefined)[] = [];
    const layouts: Layout[] = [];
    for (const input of inputs) {
      edges.push(input.gradEdge());
      layouts.push(input.layout);
    }
    super(edges);
    this.label = typeof gradient.name === 'string' ? gradient.name : gradient.name(attrs);
    this.#op = op;
    this.#gradient = gradient;
    this.#attrs = attrs;
    this.#scalars = scalars;
    this.#inputLayouts = layouts;
    const { inputs: savesInputs, outputs: savesOutputs } = gradient.saves;
    this.#keeps = (savesInputs?.length ?? 0) > 0 || (savesOutputs?.length ?? 0) > 0 || op === 'mulScalar' || op === 'divScalar';
    execute?.();
    this.#outputLayouts = outputs.map((output) => output.layout);
    this.#savedInputs = savedAt(gradient.saves.inputs, inputs);
    this.#savedOutputs = savedAt(gradient.saves.outputs, outputs, this);
  }

  run(grads: Grads, _createGraph: boolean, wanted?: (input: number) => boolean): Grads {
    const [savedInputs, savedOutputs] = [this.#savedInputs, this.#savedOutputs];
    if (savedInputs === undefined) {
      throw alreadyReleased(this.#op);
    }
    // Each once: to compute one again takes time.
    const inputs: Tensor[] = [];
    const outputs: Tensor[] = [];
    const context: GradientContext<Attrs> = {
      grads,
      input: (i) => (inputs[i] ??= this.#unpack(savedInputs[i], 'input', i)),
      output: (i) => (outputs[i] ??= this.#unpack(savedOutputs[i], 'output', i)),
      inputLayouts: this.#inputLayouts,
      outputLayouts: this.#outputLayouts,
      attrs: this.#attrs,
      scalars: this.#scalars,
      needs: (i) => this.edges[i] !== undefined && (wanted === undefined || wanted(i)),
      apply: applyOp,
    };
    return this.#gradient.run(context);
  }

  #unpack(entry: SavedTensor | undefined, role: string, i: number): Tensor {
    if (entry === undefined) throw new InternalError(`the gradient of ${this.#op} uses ${role} ${i}, which it does not save`);
    return entry.get(() => `${this.#op} needs its ${role} ${i}`);
  }

  release(): void {
    if (!this.#keeps) return; // nothing is lost: PyTorch goes through such an operation again, too
    this.#savedInputs = undefined;
    this.#savedOutputs = NOTHING;
  }
}
