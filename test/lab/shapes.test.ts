/** The rules of shapes against the library: what `check` says of a network is what running it gives. */
import { noGrad, zeros, type Tensor } from 'flambeau';
import { describe, expect, it } from 'vitest';
import { build } from '../../lab/core/build.ts';
import { LAYERS } from '../../lab/core/layers.ts';
import { moduleOf } from '../../lab/core/modules.ts';
import { randomOf } from '../../lab/core/random.ts';
import { check } from '../../lab/core/shapes.ts';
import type { LayerKind, LayerSpec, NetworkSpec } from '../../lab/core/spec.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';

const spec = (layers: readonly LayerSpec[], size = 16): NetworkSpec => ({ name: 'n', channels: 3, size, layers });

/** Shape or sentence, by making and running one block. */
function ran(layer: LayerSpec, input: readonly number[], inner: Parameters<typeof moduleOf>[2]): readonly number[] | string {
  try {
    const module = moduleOf(layer, { shape: input, classes: 4 }, inner);
    module.eval();
    return ((noGrad(() => module(zeros([1, ...input]))) as Tensor).shape as readonly number[]).slice(1);
  } catch (error) {
    return (error as Error).message;
  }
}

describe('shapes by rule', () => {
  it('are those of the library for random networks, and so are sentences and parameters', () => {
    const random = randomOf(5);
    const whole = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1));
    // mobilenet.test.ts has the large one.
    const kinds = (Object.keys(LAYERS) as LayerKind[]).filter((kind) => kind !== 'mobileNetV2');
    const anyLayer = (nests: boolean): LayerSpec => {
      const kind = kinds[whole(0, kinds.length - 1)]!;
      switch (kind) {
        case 'conv2d':
          return {
            kind,
            outChannels: whole(1, 6),
            kernelSize: whole(1, 5),
            stride: whole(1, 3),
            padding: whole(0, 3),
            groups: whole(1, 3),
            bias: random() < 0.5,
          };
        case 'maxPool2d':
        case 'avgPool2d':
          return { kind, kernelSize: whole(1, 4), stride: whole(1, 3), padding: whole(0, 2) };
        case 'residual':
          return nests ? { kind, layers: Array.from({ length: whole(0, 3) }, () => anyLayer(false)) } : { kind: 'relu' };
        case 'linear':
          return { kind, outFeatures: whole(0, 5), bias: random() < 0.5 };
        case 'adaptiveAvgPool2d':
          return { kind, outputSize: whole(1, 3) };
        default:
          return LAYERS[kind].initial;
      }
    };
    let [fine, refused] = [0, 0];
    for (let i = 0; i < 300; i++) {
      const layers = Array.from({ length: whole(1, 6) }, () => anyLayer(true));
      const network = spec(layers, whole(4, 16));
      const { blocks } = check(network, 4);
      blocks.forEach((block, j) => {
        if (block.input === undefined || block.inner.some(({ error }) => error !== undefined)) return;
        expect(block.error ?? block.output, JSON.stringify(layers[j])).toEqual(ran(layers[j]!, block.input, block.inner));
        if (block.error === undefined) fine++;
        else refused++;
      });
      const built = build(network, 4, 0);
      const made = built.network.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
      expect(blocks.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(made);
    }
    expect(fine).toBeGreaterThan(300);
    expect(refused).toBeGreaterThan(50);
  });

  it('name the block that does not fit with the sentence of the library', () => {
    const { blocks, error } = check(spec([{ ...LAYERS.conv2d.initial, kernelSize: 11, padding: 0 }, { kind: 'relu' }], 8), 4);
    expect(error).toBe('Conv2d: window 11×11 does not fit input 3×8×8; use a larger input, more padding or a smaller kernel');
    expect(blocks.map((block) => block.error)).toEqual([error, undefined]);
    expect(blocks[1]!.input).toBeUndefined();
    expect(check(spec([{ kind: 'flatten' }]), 4).error).toMatch(/ends with 768 numbers, but there are 4 classes/);
  });

  it('refuse what would not fit into memory without making it', () => {
    const wide: LayerSpec = { ...LAYERS.conv2d.initial, outChannels: 512 };
    const { error } = check({ ...spec([wide, { kind: 'flatten' }, { ...LAYERS.linear.initial, outFeatures: 4096 }]), size: 256 }, 4);
    expect(error).toMatch(/this block has 137,438,957,568 parameters, more than 50,000,000/);
  });

  it('take less than a millisecond for a template', () => {
    for (const { network } of TEMPLATES) check(network, 4);
    const start = performance.now();
    for (let i = 0; i < 20; i++) for (const { network } of TEMPLATES) check(network, 4);
    expect((performance.now() - start) / 20 / TEMPLATES.length).toBeLessThan(1);
  });
});
