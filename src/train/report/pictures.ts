/** The report's pictures, as data URLs: images, where the network looks in them, its first filters, and what its layers make of one image. */
import { toBase64 } from '../../base/base64.ts';
import { encodeImage } from '../../io/image/encode.ts';
import { Image } from '../../io/image/image.ts';
import { gradCam } from '../../inspect/grad-cam.ts';
import { observe } from '../../inspect/observe.ts';
import { interpolate } from '../../nn/functional.ts';
import { Conv2d } from '../../nn/layers/conv.ts';
import type { ModuleBase } from '../../nn/module-base.ts';
import { tensor } from '../../tensor/create.ts';
import { stack } from '../../tensor/functions.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { imageOf, makeGrid } from '../../vision/make-grid.ts';
import type { TrainableModel } from '../evaluation.ts';

/** A picture for `<img src>`, and its size in pixels. */
export interface Picture {
  readonly url: string;
  readonly width: number;
  readonly height: number;
}

export function pictureOf(image: Image): Picture {
  const url = `data:image/png;base64,${toBase64(encodeImage(image, { level: 9 }))}`;
  return { url, width: image.width, height: image.height };
}

/** Mean and standard deviation of a network's input. */
export interface Scale {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** A network's input as an image. */
export function inputImage(input: Tensor, { mean, std }: Scale): Image {
  const [m, s] = [mean, std].map((values) => tensor([...values]).view(-1, 1, 1)) as [Tensor, Tensor];
  return imageOf(input.mul(s).add(m).clamp(0, 1));
}

/** An input with what speaks for a class in warm colours over it. */
export function lookedAt(model: TrainableModel, input: Tensor, target: number, scale: Scale): Picture {
  return pictureOf(underHeat(inputImage(input, scale), gradCam(model, input.unsqueeze(0), { target }).map));
}

/** An image with a map of values from 0 to 1 in warm colours over it. @param map - [H, W], stretched to the image */
export function underHeat(picture: Image, map: Tensor): Image {
  const image = picture.convert('RGB');
  const { width, height } = image;
  const heat = withGradMode(false, () => interpolate(map.unsqueeze(0).unsqueeze(0), { size: [height, width], mode: 'bilinear' }));
  const values = heat.flatten().toTypedArray() as Float32Array;
  const data = Uint8Array.from(image.data, (value, i) => {
    const colour = warm(values[Math.floor(i / 3)]!)[i % 3]!;
    return value * 0.45 + colour * 0.55;
  });
  return new Image(width, height, 3, data);
}

/** From dark blue over violet and orange to pale yellow, in order of brightness. */
const WARM: readonly (readonly [number, number, number])[] = [
  [8, 8, 48],
  [88, 16, 110],
  [188, 55, 84],
  [249, 142, 9],
  [252, 255, 164],
];

function warm(part: number): readonly [number, number, number] {
  const at = Math.min(Math.max(part, 0), 1) * (WARM.length - 1);
  const [low, high] = [WARM[Math.floor(at)]!, WARM[Math.ceil(at)]!];
  const rest = at - Math.floor(at);
  return [0, 1, 2].map((c) => low[c]! + (high[c]! - low[c]!) * rest) as [number, number, number];
}

/** The weights of the first convolution, stretched to what can be seen; undefined without one. */
export function firstFilters(model: ModuleBase): { readonly picture: Picture; readonly shape: readonly number[] } | undefined {
  const first = [...model.modules()].find((module): module is Conv2d => module instanceof Conv2d);
  if (first === undefined) return undefined;
  const weight = first.weight.detach();
  const shown = weight.size(1) === 3 ? weight : weight.narrow(1, 0, 1);
  const grid = makeGrid(shown.narrow(0, 0, Math.min(64, weight.size(0))), {
    nrow: 8,
    padding: 1,
    normalize: true,
    padValue: 1,
  });
  return { picture: pictureOf(imageOf(grid)), shape: weight.layout.shape };
}

/** What a layer made of an image. */
export interface LayerMaps {
  readonly name: string;
  readonly shape: readonly number[];
  readonly picture: Picture;
}

/** Channels that are shown of each layer. */
const MOST_MAPS = 8;

/** The outputs [1, C, H, W] of layers without layers inside, in order, each channel stretched by itself. */
export function featureMaps(model: TrainableModel, input: Tensor, most: number): LayerMaps[] {
  const names = new Map([...model.namedModules()].map(([name, module]) => [module, name]));
  const leaves = [...names.keys()].filter((module) => [...module.children()].length === 0);
  const found: LayerMaps[] = [];
  observe(
    model,
    leaves,
    (module, _args, output) => {
      if (!isTensor(output) || output.dim() !== 4 || output.size(2) * output.size(3) < 4) return;
      const maps = output.select(0, 0).narrow(0, 0, Math.min(MOST_MAPS, output.size(1)));
      const grid = makeGrid(stack(Array.from({ length: maps.size(0) }, (_, i) => maps.narrow(0, i, 1))), {
        nrow: MOST_MAPS,
        padding: 1,
        normalize: true,
        scaleEach: true,
        padValue: 1,
      });
      found.push({
        name: `${names.get(module) ?? ''}: ${module.typeName()}`,
        shape: output.layout.shape,
        picture: pictureOf(imageOf(grid)),
      });
    },
    () => model(input.unsqueeze(0)),
  );
  const step = Math.ceil(found.length / most);
  return found.filter((_, i) => i % step === 0);
}
