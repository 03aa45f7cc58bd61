/** What a model computes on the way to its result: outputs of layers by name. */
import '../../nn/families/hooks.ts';
import { isRecord, kind, nearest, requireKind } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import * as nn from '../../nn/index.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** Layers by name, and what their outputs shall be called. */
export type ReturnNodes = Readonly<Record<string, string>>;
type Names = ReturnNodes | readonly string[];

const isText = (value: unknown): boolean => typeof value === 'string';
const NAMES = kind("an array of layers' names, or an object of what their outputs shall be called", (value) =>
  Array.isArray(value)
    ? value.length > 0 && value.every(isText)
    : isRecord(value) && Object.keys(value).length > 0 && Object.values(value).every(isText),
);
const MODULE = kind('a module', (value) => value instanceof nn.ModuleBase);

/**
 * Throws for the first name that a model does not have.
 * @throws ArgumentError with the name that was meant, if one is near
 */
function requireLayers(op: string, names: readonly string[], known: readonly string[]): void {
  const missing = names.find((name) => !known.includes(name));
  if (missing === undefined) return;
  const near = nearest(missing, known);
  const meant = near === undefined ? '' : `; did you mean '${near}'?`;
  const some = known.length > 12 ? `${known.slice(0, 12).join(', ')} …` : known.join(', ');
  throw new ArgumentError(`${op}: the model has no layer '${missing}'${meant} It has ${some}`);
}

/**
 * The children of a model one after the other, up to the last one that is asked for: what torchvision's segmentation models have for a backbone
 * (`torchvision.models._utils.IntermediateLayerGetter`). Keys of the state dict are the model's. It is right for models that call their children
 * in order, each with the output of the one before; for others there is {@link createFeatureExtractor}.
 * `returnLayers` has children by name, and what their outputs shall be called.
 *
 * @throws ArgumentError for a child that the model does not have
 * @example
 * import { randn } from 'flambeau';
 * import { models } from 'flambeau/vision';
 * const stages = new models.IntermediateLayerGetter(models.resnet18(), { layer1: 'low', layer3: 'high' });
 * const { low, high } = stages(randn(1, 3, 64, 64));
 * if (low!.shape.join() !== '1,64,16,16' || high!.shape.join() !== '1,256,4,4') throw new Error('two maps');
 */
export class IntermediateLayerGetter extends nn.Module<(x: Tensor) => Record<string, Tensor>> {
  readonly returnLayers: ReturnNodes;

  constructor(model: nn.ModuleBase, returnLayers: ReturnNodes) {
    super();
    requireKind('IntermediateLayerGetter', 'the model', model, MODULE);
    requireKind('IntermediateLayerGetter', 'returnLayers', returnLayers, NAMES, "write { layer4: 'out' }");
    const children = [...model.namedChildren()];
    const wanted = Object.keys(returnLayers);
    requireLayers(
      'IntermediateLayerGetter',
      wanted,
      children.map(([name]) => name),
    );
    const last = Math.max(...wanted.map((name) => children.findIndex(([child]) => child === name)));
    for (const [name, child] of children.slice(0, last + 1)) this.addModule(name, child);
    this.returnLayers = { ...returnLayers };
  }

  override forward(x: Tensor): Record<string, Tensor> {
    const outputs: Record<string, Tensor> = {};
    let y = x;
    for (const [name, child] of this.namedChildren()) {
      y = (child as nn.AnyLayer)(y);
      const as = this.returnLayers[name];
      if (as !== undefined) outputs[as] = y;
    }
    return outputs;
  }
}

/** A layer, and which of its calls within one of the model. */
interface Node {
  readonly layer: string;
  readonly call: number;
  readonly as: string;
}

/** `layer1.0.relu` is a layer's first output, `layer1.0.relu_1` its second, as torchvision numbers them. */
function nodeOf(name: string, as: string, known: readonly string[]): Node {
  if (known.includes(name)) return { layer: name, call: 0, as };
  const [, layer, call] = /^(.+)_(\d+)$/.exec(name) ?? [];
  requireLayers('createFeatureExtractor', [layer !== undefined && known.includes(layer) ? layer : name], known);
  return { layer: layer!, call: Number(call), as };
}

/** What {@link createFeatureExtractor} makes: a model that gives outputs of its layers. */
export class FeatureExtractor extends nn.Module<(...inputs: Tensor[]) => Record<string, Tensor>> {
  model: nn.ModuleBase;
  private readonly _nodes: readonly Node[];

  constructor(model: nn.ModuleBase, returnNodes: Names) {
    super();
    requireKind('createFeatureExtractor', 'the model', model, MODULE);
    requireKind('createFeatureExtractor', 'returnNodes', returnNodes, NAMES, "write ['layer4'] or { layer4: 'features' }");
    const known = [...model.namedModules()].map(([name]) => name).filter(Boolean);
    const entries = Array.isArray(returnNodes)
      ? (returnNodes as string[]).map((name) => [name, name] as const)
      : Object.entries(returnNodes as ReturnNodes);
    this._nodes = entries.map(([name, as]) => nodeOf(name, as, known));
    this.model = model;
  }

  /** @throws ArgumentError where a layer was not called, not so often, or gave something else than a tensor */
  override forward(...inputs: Tensor[]): Record<string, Tensor> {
    const seen = new Map<string, unknown[]>();
    const handles = [...new Set(this._nodes.map(({ layer }) => layer))].map((layer) => {
      const outputs: unknown[] = [];
      seen.set(layer, outputs);
      return this.model.getSubmodule(layer).registerForwardHook((_module, _args, output) => void outputs.push(output));
    });
    try {
      (this.model as unknown as (...args: Tensor[]) => unknown)(...inputs);
    } finally {
      for (const handle of handles) handle.remove();
    }
    return Object.fromEntries(this._nodes.map((node) => [node.as, outputOf(node, seen.get(node.layer)!)]));
  }
}

function outputOf({ layer, call }: Node, outputs: readonly unknown[]): Tensor {
  const output = outputs[call];
  if (isTensor(output)) return output;
  const times = outputs.length === 1 ? 'once' : `${outputs.length} times`;
  const reason = call >= outputs.length ? `it was called ${times}, so that there is no output ${call + 1}` : 'its output is no tensor';
  throw new ArgumentError(`createFeatureExtractor: expected a tensor from the layer '${layer}', but ${reason}; choose another layer`);
}

/**
 * A model that gives what layers of another compute, by their names (https://pytorch.org/vision/stable/feature_extraction.html): those that
 * `namedModules()` gives. A layer that is called several times has numbers: `layer1.0.relu`, `layer1.0.relu_1`. The whole model runs, and stays
 * the same model: its parameters are the extractor's under `model.`.
 * @param returnNodes names of layers, or an object with what their outputs shall be called
 * @throws ArgumentError for a layer that the model does not have
 * @example
 * import { randn } from 'flambeau';
 * import { models } from 'flambeau/vision';
 * const extract = models.createFeatureExtractor(models.resnet18(), { layer2: 'middle', avgpool: 'features' });
 * const { middle, features } = extract(randn(1, 3, 64, 64));
 * if (middle!.shape.join() !== '1,128,8,8' || features!.shape.join() !== '1,512,1,1') throw new Error('two outputs');
 */
export const createFeatureExtractor = (model: nn.ModuleBase, returnNodes: Names): FeatureExtractor =>
  new FeatureExtractor(model, returnNodes);
