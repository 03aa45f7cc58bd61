/**
 * Activation maximisation (D. Erhan et al., "Visualizing higher-layer features of a deep network", 2009): a picture of noise is changed, step by step, so
 * that one channel or one class answers as strongly as it can.
 */
import { grad, noGrad, nn, tensor, type Tensor } from 'flambeau';
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
  #x: Tensor;
  #step = 0;

  constructor(network: nn.Sequential, spec: NetworkSpec, target: DreamTarget, seed: number) {
    const { channels, size } = spec;
    const random = randomOf(seed);
    const noise = Float32Array.from({ length: channels * size * size }, () => (random() * 2 - 1) * 0.2);
    this.#network = network;
    this.#spec = spec;
    this.#target = target;
    this.#x = tensor(noise).view(1, channels, size, size);
  }

  /**
   * Goes uphill: each step by the gradient, brought to a length of its own; a little blur each time keeps the picture from breaking up into dots.
   */
  steps(count: number, rate = 0.08, blur = 0.15): DreamPicture {
    let answer = 0;
    evaluated(this.#network, () => {
      for (let i = 0; i < count; i++) {
        const x = this.#x.detach().requiresGrad_();
        const goal = answerOf(
          outputsOf(this.#network, this.#spec.layers, x)[this.#target.stage]!,
          this.#target.channel,
        );
        const [gradient] = grad(goal, x, { materializeGrads: true }) as readonly Tensor[];
        answer = goal.item();
        this.#x = noGrad(() => {
          const length = gradient!.square().mean().sqrt().add(1e-12);
          const moved = x.detach().add(gradient!.div(length).mul(rate));
          const soft = F.avgPool2d(moved, 3, { stride: 1, padding: 1, countIncludePad: false });
          return moved
            .mul(1 - blur)
            .add(soft.mul(blur))
            .clamp(-1, 1);
        });
        this.#step += 1;
      }
    });
    return { step: this.#step, answer, values: floats(this.#x) };
  }
}

const answerOf = (output: Tensor, channel: number): Tensor => output.select(1, channel).mean();
