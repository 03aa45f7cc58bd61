/** PyTorch's convolutions, poolings, pads and what else works on space, as ours: functions and modules whose arguments are in PyTorch's order. */
import { F, nn, type Tensor } from 'flambeau';
import { numbers, op, type Adapter } from './call.ts';

type Call = (...args: unknown[]) => unknown;

/** An argument as ours takes it: tuples are arrays, an empty one (no stride) is nothing. */
function plain(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const list = Array.from(numbers(value));
  return list.length === 0 ? undefined : list;
}
/** Values and places, as PyTorch returns them. */
function results(result: unknown): unknown {
  const both = result as { readonly values?: unknown; readonly indices?: unknown };
  return typeof both === 'object' && 'indices' in both && !('layout' in both) ? [both.values, both.indices] : result;
}
const call = (name: keyof typeof F, signature: string, random = false): Adapter =>
  op(`F.${name}`, signature, (...args: unknown[]) => results((F[name] as unknown as Call)(...args.map(plain))), { random });
/** One-element tuples are numbers where there are two directions. */
const short = (value: unknown): unknown => (Array.isArray(value) && value.length === 1 ? (value as unknown[])[0] : value);
const layer = (name: keyof typeof nn, signature: string): Adapter =>
  op(`nn.${name}`, signature, (...args: unknown[]) => {
    const module = new (nn[name] as unknown as new (...args: unknown[]) => Call)(...args.map(plain).map(short));
    return module;
  });

const CONV = 'input weight bias stride padding dilation groups';
const TRANSPOSED = 'input weight bias stride padding output_padding groups dilation';
const MAX = 'input kernel_size stride padding dilation ceil_mode return_indices';
const AVG = 'input kernel_size stride padding ceil_mode count_include_pad';
const UNPOOL = 'input indices kernel_size stride padding output_size';
const WINDOWS = 'input kernel_size dilation padding stride';

export const SPATIAL: Readonly<Record<string, Adapter>> = {
  'nn.functional.conv1d': call('conv1d', CONV),
  'nn.functional.conv3d': call('conv3d', CONV),
  'nn.functional.conv_transpose1d': call('convTranspose1d', TRANSPOSED),
  'nn.functional.conv_transpose3d': call('convTranspose3d', TRANSPOSED),
  'nn.functional.max_pool1d': call('maxPool1d', MAX),
  'nn.functional.max_pool3d': call('maxPool3d', MAX),
  'nn.functional.avg_pool1d': call('avgPool1d', AVG),
  'nn.functional.avg_pool3d': call('avgPool3d', `${AVG} divisor_override`),
  'nn.functional.adaptive_avg_pool1d': call('adaptiveAvgPool1d', 'input output_size'),
  'nn.functional.adaptive_avg_pool3d': call('adaptiveAvgPool3d', 'input output_size'),
  'nn.functional.adaptive_max_pool1d': call('adaptiveMaxPool1d', 'input output_size return_indices'),
  'nn.functional.adaptive_max_pool3d': call('adaptiveMaxPool3d', 'input output_size return_indices'),
  'nn.functional.max_unpool1d': call('maxUnpool1d', UNPOOL),
  'nn.functional.max_unpool2d': call('maxUnpool2d', UNPOOL),
  'nn.functional.max_unpool3d': call('maxUnpool3d', UNPOOL),
  'nn.functional.fractional_max_pool2d': call(
    'fractionalMaxPool2d',
    'input kernel_size output_size output_ratio return_indices _random_samples',
    true,
  ),
  'nn.functional.fractional_max_pool3d': call(
    'fractionalMaxPool3d',
    'input kernel_size output_size output_ratio return_indices _random_samples',
    true,
  ),
  'nn.functional.unfold': call('unfold', WINDOWS),
  'nn.functional.fold': call('fold', 'input output_size kernel_size dilation padding stride'),
  'nn.functional.channel_shuffle': call('channelShuffle', 'input groups'),
  'nn.functional.local_response_norm': call('localResponseNorm', 'input size alpha beta k'),
  'nn.functional.grid_sample': call('gridSample', 'input grid mode padding_mode align_corners'),
  'nn.functional.affine_grid': call('affineGrid', 'theta size align_corners'),
  'nn.functional.pdist': call('pdist', 'input p'),
  'nn.functional.upsample_nearest': call('upsampleNearest', 'input size scale_factor'),
  'nn.functional.upsample_bilinear': call('upsampleBilinear', 'input size scale_factor'),
  'nn.functional.pad': op('F.pad', 'input pad mode value', (x: Tensor, pads: number[], mode?: 'constant', value?: number) =>
    F.pad(x, numbers(pads), mode, value),
  ),
  'nn.functional.interpolate': call('interpolate', 'input size scale_factor mode align_corners recompute_scale_factor antialias'),
};

const CONV_LAYER = 'in_channels out_channels kernel_size stride padding dilation groups bias padding_mode';
const TRANSPOSED_LAYER = 'in_channels out_channels kernel_size stride padding output_padding groups bias dilation padding_mode="zeros"';
const pads = (kind: string, value = ''): Record<string, Adapter> =>
  Object.fromEntries([1, 2, 3].map((n) => [`nn.${kind}Pad${n}d`, layer(`${kind}Pad${n}d` as keyof typeof nn, `padding${value}`)]));

export const SPATIAL_MODULES: Readonly<Record<string, Adapter>> = {
  'nn.Conv1d': layer('Conv1d', CONV_LAYER),
  'nn.Conv3d': layer('Conv3d', CONV_LAYER),
  'nn.ConvTranspose1d': layer('ConvTranspose1d', TRANSPOSED_LAYER),
  'nn.ConvTranspose3d': layer('ConvTranspose3d', TRANSPOSED_LAYER),
  'nn.Conv2d': layer('Conv2d', CONV_LAYER),
  ...pads('Reflection'),
  ...pads('Replication'),
  ...pads('Circular'),
  ...pads('Zero'),
  ...pads('Constant', ' value'),
  'nn.MaxPool2d': layer('MaxPool2d', 'kernel_size stride padding dilation return_indices ceil_mode'),
  'nn.AdaptiveMaxPool2d': layer('AdaptiveMaxPool2d', 'output_size return_indices'),
  'nn.MaxPool1d': layer('MaxPool1d', 'kernel_size stride padding dilation return_indices ceil_mode'),
  'nn.MaxPool3d': layer('MaxPool3d', 'kernel_size stride padding dilation return_indices ceil_mode'),
  'nn.AvgPool1d': layer('AvgPool1d', 'kernel_size stride padding ceil_mode count_include_pad'),
  'nn.AvgPool3d': layer('AvgPool3d', 'kernel_size stride padding ceil_mode count_include_pad divisor_override'),
  'nn.AdaptiveAvgPool1d': layer('AdaptiveAvgPool1d', 'output_size'),
  'nn.AdaptiveAvgPool3d': layer('AdaptiveAvgPool3d', 'output_size'),
  'nn.AdaptiveMaxPool1d': layer('AdaptiveMaxPool1d', 'output_size return_indices'),
  'nn.AdaptiveMaxPool3d': layer('AdaptiveMaxPool3d', 'output_size return_indices'),
  'nn.LPPool1d': layer('LPPool1d', 'norm_type kernel_size stride ceil_mode'),
  'nn.LPPool2d': layer('LPPool2d', 'norm_type kernel_size stride ceil_mode'),
  'nn.LPPool3d': layer('LPPool3d', 'norm_type kernel_size stride ceil_mode'),
  'nn.MaxUnpool1d': layer('MaxUnpool1d', 'kernel_size stride padding'),
  'nn.MaxUnpool2d': layer('MaxUnpool2d', 'kernel_size stride padding'),
  'nn.MaxUnpool3d': layer('MaxUnpool3d', 'kernel_size stride padding'),
  'nn.Fold': layer('Fold', 'output_size kernel_size dilation padding stride'),
  'nn.Unfold': layer('Unfold', 'kernel_size dilation padding stride'),
  'nn.ChannelShuffle': layer('ChannelShuffle', 'groups'),
  'nn.LocalResponseNorm': layer('LocalResponseNorm', 'size alpha beta k'),
};
