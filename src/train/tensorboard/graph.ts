/** A network's graph as TensorBoard draws it: a node for every layer call, operation and parameter, in scopes by the modules that they are in. */
import type { Bytes } from '../../base/host-types.ts';
import type { Dims } from '../../base/shape.ts';
import { trace, type TracedStep } from '../../inspect/trace.ts';
import type { ModuleBase } from '../../nn/module-base.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { block, message, text, whole } from './protobuf.ts';

const INPUT = 'input';

/** GraphDef: node, versions. @throws ShapeError when the model does not take such an input */
export function graphOf(model: ModuleBase & ((input: Tensor) => unknown), input: Tensor): Bytes {
  const { steps, error } = trace(model, input.layout.shape, input.dtype);
  if (error !== undefined) throw error;
  const scopes = new Scopes(model);
  const names: string[] = [];
  const shapes = new Map<string, Dims>();
  const nodes = [node({ name: INPUT, op: 'IO Node', shape: input.layout.shape })];
  for (const step of steps) {
    const name = scopes.unique(`${scopes.of(step.path)}/${step.layer === undefined ? step.type : (step.op?.name ?? step.type)}`);
    names.push(name);
    for (const [path, parameter] of step.parameters) {
      const parameterName = `${scopes.of(parentOf(path))}/${path.split('.').at(-1)!}`;
      if (!shapes.has(parameterName)) nodes.push(node({ name: parameterName, op: 'Parameter', shape: parameter.layout.shape }));
      shapes.set(parameterName, parameter.layout.shape);
    }
    nodes.push(node({ name, op: step.type, shape: step.output, inputs: inputsOf(step, names, scopes), text: step.layer?.extraRepr() }));
  }
  const last = steps.at(-1);
  if (last !== undefined) nodes.push(node({ name: 'output', op: 'IO Node', shape: last.output, inputs: [names.at(-1)!] }));
  return message(...nodes.map((one) => block(1, one)), block(4, whole(1, 22)));
}

function inputsOf({ from, parameters }: TracedStep, names: readonly string[], scopes: Scopes): string[] {
  const others = parameters.map(([path]) => `${scopes.of(parentOf(path))}/${path.split('.').at(-1)!}`);
  return [...from.map((i) => (i === -1 ? INPUT : names[i]!)), ...others];
}

const parentOf = (path: string): string => path.split('.').slice(0, -1).join('.');

/** Names of modules and of what is in them: `Net/Sequential[features]/Conv2d[0]/conv2d`. */
class Scopes {
  readonly #byPath = new Map<string, string>();
  readonly #taken = new Map<string, number>();

  constructor(model: ModuleBase) {
    for (const [path, module] of model.namedModules()) {
      const name = path.split('.').at(-1)!;
      this.#byPath.set(path, path === '' ? module.typeName() : `${this.of(parentOf(path))}/${module.typeName()}[${name}]`);
    }
  }

  of(path: string): string {
    return this.#byPath.get(path) ?? path.replaceAll('.', '/');
  }

  /** With a number where a name comes more than once: layers may be called again. */
  unique(name: string): string {
    const count = this.#taken.get(name) ?? 0;
    this.#taken.set(name, count + 1);
    return count === 0 ? name : `${name}_${count}`;
  }
}

/** A list of one shape. */
const shapeList = (shape: Dims): Bytes => block(1, block(7, message(...shape.map((size) => block(2, whole(1, size))))));

/** NodeDef: name, op, input, attr with `_output_shapes` and the layer's settings. */
function node(of: { name: string; op: string; shape: Dims; inputs?: readonly string[]; text?: string | undefined }): Bytes {
  const attribute = (name: string, value: Bytes): Bytes => block(5, message(block(1, name), block(2, value)));
  const settings = of.text === undefined || of.text === '' ? [] : [attribute('attr', block(2, of.text))];
  return message(
    text(1, of.name),
    text(2, of.op),
    ...(of.inputs ?? []).map((name) => block(3, name)),
    attribute('_output_shapes', shapeList(of.shape)),
    ...settings,
  );
}
