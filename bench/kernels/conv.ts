/** Convolution kernels on the shapes of the workloads; see `harness.ts` for how to run. Arguments: thread count, name filter. */
import { layoutOf } from '../../src/base/layout.ts';
import { convInputGradParams, convWeightGradParams } from '../../src/geometry/conv-operations.ts';
import { convGeometry, convParams, type ConvOptions } from '../../src/geometry/conv.ts';
import { lowerOf } from '../../src/tensor/graph-op.ts';
import { dense, device, report } from './harness.ts';

type Case = [name: string, x: number[], outputs: number, kernel: [number, number], options: ConvOptions];

const CASES: Case[] = [
  ['w4', [32, 64, 56, 56], 64, [3, 3], { padding: 1 }],
  ['one image of w4', [1, 64, 56, 56], 64, [3, 3], { padding: 1 }],
  ...([20, 128] as const).flatMap((n): Case[] => [
    [`w1-1 batch ${n}`, [n, 3, 32, 32], 16, [3, 3], { padding: 1, stride: 2 }],
    [`w1-2 batch ${n}`, [n, 16, 16, 16], 32, [3, 3], { padding: 1, stride: 2 }],
    [`w2-1 batch ${n}`, [n, 3, 32, 32], 16, [3, 3], { padding: 1 }],
    [`w2-2 batch ${n}`, [n, 16, 16, 16], 32, [3, 3], { padding: 1 }],
    [`w2-3 batch ${n}`, [n, 32, 8, 8], 64, [3, 3], { padding: 1 }],
  ]),
  ['w3 64 on 32²', [32, 64, 32, 32], 64, [3, 3], { padding: 1 }],
  ['w3 64→128 stride 2', [32, 64, 32, 32], 128, [3, 3], { padding: 1, stride: 2 }],
  ['w3 64→128 1×1 stride 2', [32, 64, 32, 32], 128, [1, 1], { stride: 2 }],
  ['w3 128 on 16²', [32, 128, 16, 16], 128, [3, 3], { padding: 1 }],
  ['w3 256 on 8²', [32, 256, 8, 8], 256, [3, 3], { padding: 1 }],
  ['w3 512 on 4²', [32, 512, 4, 4], 512, [3, 3], { padding: 1 }],
  ['w3 one image 64 on 32²', [1, 64, 32, 32], 64, [3, 3], { padding: 1 }],
  ['w3 one image 512 on 4²', [1, 512, 4, 4], 512, [3, 3], { padding: 1 }],
  ['1×1 256→64 on 28²', [8, 256, 28, 28], 64, [1, 1], {}],
  ...([1, 8] as const).flatMap((n): Case[] =>
    ([[64, 64, 56], [64, 256, 56], [256, 64, 56], [128, 512, 28], [512, 128, 28], [256, 1024, 14], [1024, 256, 14], [512, 2048, 7], [2048, 512, 7]] as const) // prettier-ignore
      .map(([from, to, side]): Case => [`resnet50 1×1 ${from}→${to} on ${side}² batch ${n}`, [n, from, side, side], to, [1, 1], {}]),
  ),
  ...([1, 8] as const).flatMap((n): Case[] =>
    (
      [
        [1024, 2048, 14, 1],
        [512, 1024, 28, 1],
        [256, 512, 56, 1],
        [512, 512, 14, 3],
        [256, 256, 28, 3],
        [128, 128, 56, 3],
      ] as const
    ).map(([from, to, side, k]): Case => [
      `resnet50 ${k}×${k} ${from}→${to} stride 2 on ${side}² batch ${n}`,
      [n, from, side, side],
      to,
      [k, k],
      { padding: (k - 1) / 2, stride: 2 },
    ]),
  ),
  ['depthwise 64 on 28²', [8, 64, 28, 28], 64, [3, 3], { padding: 1, groups: 64 }],
  ['7×7 stride 2', [4, 3, 112, 112], 64, [7, 7], { padding: 3, stride: 2 }],
  ['w5', [1, 1, 6, 8], 1, [1, 2], {}],
];

device.threads = Number(process.argv[2] ?? 1);
const only = process.argv[3] ?? '';
const parts = process.argv[4] ?? 'fiw';
for (const [name, size, outputs, kernel, options] of CASES) {
  if (!name.includes(only)) continue;
  const params = convParams(options);
  const wShape = [outputs, size[1]! / params.groups, ...kernel];
  const g = convGeometry('bench', size, wShape, params);
  const yShape = [size[0]!, outputs, g.height.output, g.width.output];
  const flops = 2 * g.batch * outputs * g.inPerGroup * kernel[0] * kernel[1] * g.height.output * g.width.output;
  const [x, w, b, dy] = [dense(size, 1), dense(wShape, 2), dense([outputs], 3), dense(yShape, 4)];
  const out = (shape: readonly number[]) => layoutOf('float32', shape);
  if (parts.includes('f')) report(`${name} forward`, flops, lowerOf('conv2d', params), [x, w, b], [out(yShape)]);
  const inputParams = convInputGradParams(params, [size[2]!, size[3]!]);
  if (parts.includes('i')) report(`${name} input`, flops, lowerOf('conv2dInputGrad', inputParams), [dy, w], [out(size)]);
  const weightParams = convWeightGradParams(params, kernel, true);
  if (parts.includes('w'))
    report(`${name} weight`, flops, lowerOf('conv2dWeightGrad', weightParams), [dy, x], [out(wShape), out([outputs])]);
}
