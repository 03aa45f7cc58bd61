/** The convolutions of MobileNetV2 as one block, which stays as it is: trained on millions of photos, they find what photos have in common. */
import { nn, tensor, type Tensor } from 'flambeau';
import { mobilenet_v2 } from '../../src/vision/models/mobilenetv2.ts';
import type { LayerSpec } from './spec.ts';

/** Means and spreads of ImageNet's pictures, which the weights were trained with. */
export const IMAGENET = { mean: [0.485, 0.456, 0.406], spread: [0.229, 0.224, 0.225] } as const;

export class MobileNetFeatures extends nn.Module {
  readonly features: nn.Sequential;

  constructor() {
    super();
    this.features = mobilenet_v2().features;
    this.requiresGrad_(false);
  }

  /** @param x - pictures between -1 and 1 */
  forward(x: Tensor): Tensor {
    this.features.eval(); // whatever the network around it does
    const constants = (values: readonly number[]): Tensor => tensor([...values]).view(1, 3, 1, 1) as Tensor;
    const pictures = x.mul(0.5).add(0.5).sub(constants(IMAGENET.mean)).div(constants(IMAGENET.spread)) as Tensor;
    return this.features(pictures);
  }
}

/** Channels that come out. */
export const MOBILENET_CHANNELS = 1280;
export const mobileNetSide = (side: number): number => [1, 2, 3, 4, 5].reduce((size) => Math.ceil(size / 2), side);

/** How much a block widens, its channels, how many of them there are, the stride of the first. */
const SETTING = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]] as const; // prettier-ignore

/** Names and shapes of the weights, as torchvision has them: `features.0.0.weight` and so on. */
export function mobileNetShapes(): Map<string, readonly number[]> {
  const found = new Map<string, readonly number[]>();
  const norm = (name: string, channels: number): void => {
    for (const part of ['weight', 'bias', 'running_mean', 'running_var']) found.set(`${name}.${part}`, [channels]);
    found.set(`${name}.num_batches_tracked`, []);
  };
  const unit = (name: string, shape: readonly number[]): void => {
    found.set(`${name}.0.weight`, shape);
    norm(`${name}.1`, shape[0]!);
  };
  let [channels, at] = [32, 0];
  unit('features.0', [channels, 3, 3, 3]);
  for (const [widen, out, count] of SETTING) {
    for (let i = 0; i < count; i++) {
      const [name, hidden] = [`features.${++at}.conv`, channels * widen];
      const first = widen === 1 ? 0 : 1;
      if (widen > 1) unit(`${name}.0`, [hidden, channels, 1, 1]);
      unit(`${name}.${first}`, [hidden, 1, 3, 3]);
      found.set(`${name}.${first + 1}.weight`, [out, hidden, 1, 1]);
      norm(`${name}.${first + 2}`, out);
      channels = out;
    }
  }
  unit(`features.${at + 1}`, [MOBILENET_CHANNELS, channels, 1, 1]);
  return found;
}

export const MOBILENET_PARAMETERS = [...mobileNetShapes()].reduce(
  (sum, [name, shape]) => (/\.(weight|bias)$/.test(name) ? sum + shape.reduce((a, b) => a * b, 1) : sum),
  0,
);

/** What follows without chance and without anything to learn. */
const PLAIN: readonly LayerSpec['kind'][] = ['adaptiveAvgPool2d', 'avgPool2d', 'maxPool2d', 'flatten', 'relu'];

/** How many blocks at the beginning give the same for a picture at every step, so that they need to look at it once only. */
export function frozenBlocks(layers: readonly LayerSpec[]): number {
  if (layers[0]?.kind !== 'mobileNetV2') return 0;
  const end = layers.findIndex(({ kind }, i) => i > 0 && !PLAIN.includes(kind));
  return end === -1 ? layers.length : end;
}

/** Weights of a MobileNetV2 under the names of a network that begins with the block; undefined where they are of something else. */
export function asMobileNetBlock(state: ReadonlyMap<string, Tensor>): Map<string, Tensor> | undefined {
  const isCount = (name: string): boolean => name.endsWith('.num_batches_tracked'); // old files lack them
  const fits = [...mobileNetShapes()].every(
    ([name, shape]) =>
      (state.get(name)?.shape as readonly number[] | undefined)?.join() === shape.join() || (isCount(name) && !state.has(name)),
  );
  if (!fits) return undefined;
  return new Map([...state].flatMap(([name, value]) => (name.startsWith('features.') ? [[`0.${name}`, value] as const] : [])));
}
