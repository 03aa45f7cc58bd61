/**
 * Where a network looks: Grad-CAM (R. Selvaraju et al., "Grad-CAM: Visual explanations from deep networks via gradient-based localization", 2017,
 * https://arxiv.org/abs/1610.02391). The maps of a convolution are added up, each weighted with the mean gradient of a class's output towards it; what
 * speaks for the class remains.
 */
import '../nn/families/hooks.ts';

import { instanceOf, kind, requireKind, requireOptions, SIZE, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { Conv2d } from '../nn/layers/conv.ts';
import { ModuleBase } from '../nn/module-base.ts';
import { grad } from '../tensor/differentiate.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { requireModel, type Model } from './observe.ts';

export interface GradCamOptions {
  /** The class whose evidence is asked for; default the most probable. */
  readonly target?: number;
  /** The layer whose maps are added up, with an output [N, C, H, W]; default the last Conv2d that runs. */
  readonly layer?: ModuleBase;
}

export interface GradCam {
  /** [H, W] of the layer's output, 0 to 1: 1 where most speaks for the class. All 0 where nothing does. */
  readonly map: Tensor;
  readonly target: number;
}

const OPTIONS: OptionKinds<GradCamOptions> = { target: SIZE, layer: instanceOf('a module', ModuleBase) };
const TENSOR = kind('a tensor', isTensor);

/**
 * Which parts of an image speak for a class. The model is run in evaluation mode, and left as it was.
 *
 * @param model - from [1, C, H, W] to [1, classes]
 * @throws ShapeError for another input or output
 * @throws ArgumentError when no convolution ran, or for a class that there is not
 * @example
 * import { nn, rand } from 'flambeau';
 * import { gradCam } from 'flambeau/inspect';
 *
 * const model = new nn.Sequential(new nn.Conv2d(3, 4, 3, 2, 1), new nn.ReLU(), new nn.Flatten(), new nn.Linear(4 * 8 * 8, 2));
 * const { map } = gradCam(model, rand(1, 3, 16, 16), { target: 1 });
 * console.log(map.shape); // [ 8, 8 ]
 */
export function gradCam(model: Model, input: Tensor, options: GradCamOptions = {}): GradCam {
  requireModel('gradCam', model);
  requireKind('gradCam', 'the input', input, TENSOR, 'pass an image [1, C, H, W]');
  const { target, layer } = requireOptions<GradCamOptions>('gradCam', options, OPTIONS, '{ target: 3 }');
  if (input.dim() !== 4 || input.size(0) !== 1)
    throw new ShapeError(`gradCam: expected one image [1, C, H, W], but got ${showShape(input.layout.shape)}`);
  const { maps, output } = watched(model, input, layer);
  if (output.dim() !== 2)
    throw new ShapeError(`gradCam: expected a model that gives [1, classes], but it gave ${showShape(output.layout.shape)}`);
  const chosen = target ?? output.detach().argmax(1).item();
  if (chosen >= output.size(1)) throw new ArgumentError(`gradCam: expected a class below ${output.size(1)}, but got ${chosen}`);
  const [gradient] = grad(output.select(1, chosen).sum(), maps);
  const map = withGradMode(false, () => {
    const weights = gradient.mean([2, 3], true);
    const sum = maps.detach().mul(weights).sum(1).squeeze(0).relu();
    const most = sum.max().item();
    return most > 0 ? sum.div(most) : sum;
  });
  return { map, target: chosen };
}

/** Runs the model with gradients; gives its output and what the layer gave. */
function watched(model: Model, input: Tensor, layer: ModuleBase | undefined): { maps: Tensor; output: Tensor } {
  const layers = layer === undefined ? [...model.modules()].filter((module) => module instanceof Conv2d) : [layer];
  const all = [...model.modules()];
  const modes = all.map((module) => module.training);
  let maps: Tensor | undefined;
  const hooks = layers.map((module) =>
    module.registerForwardHook((_module, _args, output) => {
      if (isTensor(output) && output.dim() === 4) maps = output;
    }),
  );
  try {
    model.eval();
    const output = withGradMode(true, () => model(input.detach().requiresGrad_()));
    if (maps === undefined)
      throw new ArgumentError('gradCam: no layer gave maps [N, C, H, W]; pass one that does as { layer: model.conv2 }');
    if (!isTensor(output)) throw new ShapeError('gradCam: expected a model that gives one tensor [1, classes]');
    return { maps, output };
  } finally {
    for (const hook of hooks) hook.remove();
    all.forEach((module, i) => (module.training = modes[i]!));
  }
}
