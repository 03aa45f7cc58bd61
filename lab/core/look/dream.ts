/**
 * Activation maximisation (D. Erhan et al., "Visualizing higher-layer features of a deep network", 2009): a picture of noise is changed, step by step, so
 * that one channel or one class answers as strongly as it can.
 */
import { cat, grad, noGrad, nn, tensor, type Tensor } from 'flambeau';
import { functional as F } from 'flambeau/nn';
import { randomOf } from '../random.ts';
import type { NetworkSpec } from '../spec.ts';
import { evaluated, floats, outputsOf } from './look.ts';

export interface DreamTarget {
  /** Of the look; the last but one has the scores of the classes. */
  readonly stage: number;
  readonly channel: number;
}

export interface DreamPicture {
  readonly step: number;
  /** The mean of the channel, or the score of the class, before this picture's last change. */
  readonly answer: number;
  /** [channels, size, size], between −1 and 1. */
  readonly values: Float32Array;
}

export class Dream {
  readonly #network: nn.Sequential;
  readonly #spec: NetworkSpec;
  readonly #target: DreamTarget;
  readonly #random: () => number;
  #x: Tensor;
  #step = 0;

  constructor(network: nn.Sequential, spec: NetworkSpec, target: DreamTarget, seed: number) {
    const { channels, size } = spec;
    const random = (this.#random = randomOf(seed));
    const noise = Float32Array.from({ length: channels * size * size }, () => (random() * 2 - 1) * 0.1);
    this.#network = network;
    this.#spec = spec;
    this.#target = target;
    this.#x = tensor(noise).view(1, channels, size, size);
  }

  /**
   * Goes uphill: each step by the gradient, brought to a length of its own. Left to itself that finds dots which nobody but the network takes for something. So
   * copies of the picture are asked that are shifted and noisy, each in another way: what only answers in its very place does not count. And the way uphill is
   * blurred, first much and then less, so that large forms come before fine ones.
   */
  steps(count: number): DreamPicture {
    let answer = 0;
    evaluated(this.#network, () => {
      for (let i = 0; i < count; i++) {
        const x = this.#x.detach().requiresGrad_();
        const copies: Tensor = cat(
          Array.from({ length: COPIES }, () => this.#disturbed(x)),
          0,
        );
        const goal = answerOf(outputsOf(this.#network, this.#spec.layers, copies)[this.#target.stage]!, this.#target.channel);
        const [gradient] = grad(goal, x, { materializeGrads: true }) as readonly Tensor[];
        answer = goal.item();
        this.#x = noGrad(() => this.#uphill(x.detach(), gradient!));
        this.#step += 1;
      }
    });
    return { step: this.#step, answer, values: floats(this.#x) };
  }

  /** Shifted by a few pixels, and with noise. */
  #disturbed(x: Tensor): Tensor {
    const random = this.#random;
    const most = Math.max(1, Math.round(this.#spec.size / 16));
    const shift = (): number => Math.floor(random() * (2 * most + 1)) - most;
    const noise = Float32Array.from({ length: x.numel() }, () => (random() + random() + random() - 1.5) * 2 * NOISE);
    const shifted = x.roll([shift(), shift()], [2, 3]);
    return shifted.add(tensor(noise).view(...(x.shape as readonly number[]))) as Tensor;
  }

  #uphill(x: Tensor, gradient: Tensor): Tensor {
    const done = Math.min(1, this.#step / STEPS);
    const way = blurred(gradient, Math.round(BLUR_FIRST + (BLUR_LAST - BLUR_FIRST) * done));
    const length = way.square().mean().sqrt().add(1e-12) as Tensor;
    const moved = x.add(way.div(length).mul(RATE * (1 - 0.7 * done))).mul(0.99) as Tensor;
    return moved
      .mul(1 - SOFT)
      .add(blurred(moved, 1).mul(SOFT))
      .clamp(-1, 1);
  }
}

/** After so many, steps and blur are at their smallest. */
const STEPS = 120;
const COPIES = 2;
const NOISE = 0.2;
const RATE = 0.08;
/** How often the way is blurred, at first and at last; and how much of the picture is, each time. */
const [BLUR_FIRST, BLUR_LAST, SOFT] = [6, 2, 0.1];

/** Each pixel the mean of the nine around it, several times over. */
function blurred(x: Tensor, times: number): Tensor {
  let soft = x;
  for (let i = 0; i < times; i++) soft = F.avgPool2d(soft, 3, { stride: 1, padding: 1, countIncludePad: false });
  return soft;
}

const answerOf = (output: Tensor, channel: number): Tensor => output.select(1, channel).mean();
