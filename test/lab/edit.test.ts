/** Editing blocks, repairing the end, and the formulas of blocks. */
import { describe as group, expect, it } from 'vitest';
import { describe } from '../../lab/core/describe.ts';
import { duplicated, fitting, fresh, inserted, layerAt, moved, removed, replaced, shifted } from '../../lab/core/edit.ts';
import { check } from '../../lab/core/shapes.ts';
import type { LayerSpec, NetworkSpec } from '../../lab/core/spec.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';

const relu: LayerSpec = { kind: 'relu' };
const gelu: LayerSpec = { kind: 'gelu' };
const tanh: LayerSpec = { kind: 'tanh' };
const block = (...layers: LayerSpec[]): LayerSpec => ({ kind: 'residual', layers });

group('editing', () => {
  it('adds, removes, replaces and duplicates, within residual blocks, too', () => {
    expect(inserted([relu], [1], gelu)).toEqual([relu, gelu]);
    expect(inserted([block(relu)], [0, 0], gelu)).toEqual([block(gelu, relu)]);
    expect(inserted([block(relu)], [0, 0], block())).toEqual([block(relu)]);
    expect(removed([relu, block(gelu, tanh)], [1, 0])).toEqual([relu, block(tanh)]);
    expect(replaced([relu, gelu], [1], tanh)).toEqual([relu, tanh]);
    expect(duplicated([relu, gelu], [0])).toEqual([relu, relu, gelu]);
    expect(layerAt([block(gelu)], [0, 0])).toEqual(gelu);
  });

  it('moves by one, and anywhere', () => {
    expect(shifted([relu, gelu], [0], 1)).toEqual({ layers: [gelu, relu], path: [1] });
    expect(shifted([relu, gelu], [0], -1)).toBeUndefined();
    expect(moved([relu, gelu, tanh], [0], [3])).toEqual({ layers: [gelu, tanh, relu], path: [2] });
    expect(moved([relu, gelu, tanh], [2], [0])).toEqual({ layers: [tanh, relu, gelu], path: [0] });
    expect(moved([relu, gelu], [0], [1])).toBeUndefined();
    expect(moved([relu, block(gelu)], [0], [1, 1])).toEqual({ layers: [block(gelu, relu)], path: [0, 1] });
    expect(moved([block(gelu), relu], [0, 0], [2])).toEqual({ layers: [block(), relu, gelu], path: [2] });
    expect(moved([block(gelu), block()], [0], [1, 0])).toBeUndefined();
    expect(moved([block(gelu)], [0], [0, 0])).toBeUndefined();
  });

  it('gives a residual block the channels that come in', () => {
    const made = fresh('residual', [24, 8, 8]);
    expect(check({ name: 'n', channels: 3, size: 8, layers: [{ ...conv(24) }, made] }, 2).blocks[1]!.output).toEqual([24, 8, 8]);
  });
});

const conv = (outChannels: number): LayerSpec => ({ kind: 'conv2d', outChannels, kernelSize: 3, stride: 1, padding: 1, groups: 1, bias: true }); // prettier-ignore
const linear = (outFeatures: number): LayerSpec => ({ kind: 'linear', outFeatures, bias: true });

it('a network is made to fit its classes', () => {
  const cases: readonly (readonly [readonly LayerSpec[], readonly LayerSpec[] | undefined])[] = [
    [
      [conv(4), { kind: 'flatten' }, linear(7)],
      [conv(4), { kind: 'flatten' }, linear(0)],
    ],
    [
      [conv(4), relu],
      [conv(4), relu, { kind: 'flatten' }, linear(0)],
    ],
    [
      [conv(4), linear(0)],
      [conv(4), { kind: 'flatten' }, linear(0)],
    ],
    [
      [conv(4), { kind: 'flatten' }],
      [conv(4), { kind: 'flatten' }, linear(0)],
    ],
    [[], [{ kind: 'flatten' }, linear(0)]],
    [[conv(4), { kind: 'flatten' }, linear(0)], undefined],
    [[{ kind: 'flatten' }, conv(4)], undefined],
  ];
  for (const [layers, expected] of cases) {
    const network: NetworkSpec = { name: 'n', channels: 3, size: 8, layers };
    const made = fitting(network, check(network, 5).blocks, 5);
    expect(made?.layers).toEqual(expected);
    if (made !== undefined) expect(check(made, 5).error).toBeUndefined();
  }
});

group('the facts of blocks', () => {
  it('are the formulas of the tutorials with the numbers of the block', () => {
    const { blocks, multiplyAdds } = describe(TEMPLATES[0]!.network, 4);
    expect(blocks[0]).toMatchObject({
      size: ['⌊(32 − 3 + 2·1) / 1⌋ + 1 = 32'],
      parameters: { count: 224, formula: '8 filters × (3×3×3 weights + 1 bias) = 224' },
      multiplyAdds: { count: 221184 },
      field: { size: [3, 3], formula: '1 + (3 − 1)·1 = 3' },
    });
    expect(blocks.at(-1)!.parameters.formula).toBe('4 outputs × (16×8×8 weights + 1 bias) = 4,100');
    expect(multiplyAdds).toBe(blocks.reduce((sum, { multiplyAdds: { count } }) => sum + count, 0));
  });

  it('count as many parameters as the rules, for every template', () => {
    for (const { network } of TEMPLATES) {
      const facts = describe(network, 4).blocks.map(({ parameters }) => parameters.count);
      expect(facts, network.name).toEqual(check(network, 4).blocks.map(({ parameters }) => parameters));
    }
  });

  it('end before the block that does not fit', () => {
    const network: NetworkSpec = {
      name: 'n',
      channels: 1,
      size: 8,
      layers: [conv(2), { kind: 'flatten' }, conv(2), relu],
    };
    expect(describe(network, 4).blocks).toHaveLength(2);
  });
});
