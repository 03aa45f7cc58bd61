/**
 * Checkpoints of timm (https://github.com/huggingface/pytorch-image-models), whose models of the same networks have other keys. Layers of
 * either side are the same; what changes are names, some shapes without a meaning, and a table of places that timm does not save.
 */
import { kind, requireKind, TEXT } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { fromTypedArray } from '../../tensor/create.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { relativeIndex } from './window-attention.ts';

type State = ReadonlyMap<string, Tensor>;

/** Beginnings of keys, and what stands in their places: the first that fits counts. */
type Rules = readonly (readonly [from: RegExp, to: string | ((...groups: string[]) => string)])[];

function renamed(key: string, rules: Rules): string {
  for (const [from, to] of rules) {
    const groups = from.exec(key);
    if (groups === null) continue;
    const start = typeof to === 'string' ? to.replace(/\$(\d)/g, (_, i: string) => groups[Number(i)] ?? '') : to(...groups.slice(1));
    return start + key.slice(groups[0].length);
  }
  return key;
}

const after = (number: string | undefined, more = 1): number => Number(number) + more;

// ---- networks of inverted residuals

/** The parts of blocks, in their order, by what is in a block: a convolution and its normalisation each, or squeeze and excitation. */
const PARTS = {
  /** One convolution. */
  plain: [['conv', 'bn1']],
  /** Channels filtered one by one, then mixed. */
  separable: [['conv_dw', 'bn1'], ['se'], ['conv_pw', 'bn2']],
  /** Channels expanded, filtered one by one, mixed. */
  inverted: [['conv_pw', 'bn1'], ['conv_dw', 'bn2'], ['se'], ['conv_pwl', 'bn3']],
  /** Channels expanded and filtered at once, mixed. */
  fused: [
    ['conv_exp', 'bn1'],
    ['conv_pwl', 'bn2'],
  ],
} as const;

/** Where the blocks of a network are, and how its parts are named there. */
interface Blocks {
  /** The place of block `block` of stage `stage`, which is the `index`th of all, from 0. */
  readonly at: (stage: number, block: number, index: number) => string;
  /** Whether a block that is one convolution is a layer of its own, not a block of one layer. */
  readonly plainIsLayer: boolean;
  /** Whether the last convolution, `project`, and its normalisation stand without a layer around them, as in MobileNetV2. */
  readonly flatLast: boolean;
}

/** Names of all parts of the blocks `blocks.S.B`, with the dot behind them. */
function blockRules(keys: readonly string[], { at, plainIsLayer, flatLast }: Blocks): Map<string, string> {
  const contents = new Map<string, Set<string>>();
  for (const key of keys) {
    const [, block, part] = /^(blocks\.\d+\.\d+)\.(\w+)/.exec(key) ?? [];
    if (block === undefined) continue;
    const parts = contents.get(block) ?? new Set<string>();
    contents.set(block, parts.add(part!));
  }
  const names = new Map<string, string>();
  [...contents].forEach(([block, parts], index) => {
    const [stage, place] = block.split('.').slice(1).map(Number) as [number, number];
    const kind = parts.has('conv') ? 'plain' : parts.has('conv_exp') ? 'fused' : parts.has('conv_pwl') ? 'inverted' : 'separable';
    const layers = PARTS[kind].filter(([first]) => parts.has(first));
    layers.forEach((layer, i) => {
      const isFlat = flatLast && i === layers.length - 1;
      const base =
        kind === 'plain' && plainIsLayer ? at(stage, place, index) : `${at(stage, place, index)}.${flatLast ? 'conv' : 'block'}.${i}`;
      if (layer[0] === 'se') {
        names.set(`${block}.se.conv_reduce.`, `${base}.fc1.`);
        names.set(`${block}.se.conv_expand.`, `${base}.fc2.`);
        return;
      }
      const flat = `${at(stage, place, index)}.conv.`;
      names.set(`${block}.${layer[0]}.`, isFlat ? `${flat}${i}.` : `${base}.0.`);
      names.set(`${block}.${layer[1]}.`, isFlat ? `${flat}${i + 1}.` : `${base}.1.`);
    });
  });
  return names;
}

/** Renames blocks by `blocks`, and the rest by rules that know the number of the last layer of `features`. */
function inverted(
  state: State,
  blocks: Blocks,
  rules: (last: number) => Rules,
  lastOf: (stages: number, count: number) => number,
): Map<string, Tensor> {
  const keys = [...state.keys()];
  const names = blockRules(keys, blocks);
  const all = new Set(keys.flatMap((key) => /^blocks\.\d+\.\d+/.exec(key) ?? []));
  const stages = new Set([...all].map((block) => block.split('.')[1]));
  const others = rules(lastOf(stages.size, all.size));
  const rename = (key: string): string => {
    const [start = ''] = /^blocks\.\d+\.\d+\.(?:se\.)?\w+\./.exec(key) ?? [];
    const name = names.get(start);
    return name === undefined ? renamed(key, others) : name + key.slice(start.length);
  };
  return new Map([...state].map(([key, tensor]) => [rename(key), tensor]));
}

const STEM: Rules = [
  [/^conv_stem\./, 'features.0.0.'],
  [/^bn1\./, 'features.0.1.'],
];

const mobilenetV2 = (state: State): Map<string, Tensor> =>
  inverted(
    state,
    { at: (_stage, _block, index) => `features.${index + 1}`, plainIsLayer: false, flatLast: true },
    (last) => [...STEM, [/^conv_head\./, `features.${last}.0.`], [/^bn2\./, `features.${last}.1.`], [/^classifier\./, 'classifier.1.']],
    (_stages, count) => count + 1,
  );

/** timm makes the first layer of the classifier a convolution of the means. */
function mobilenetV3(state: State): Map<string, Tensor> {
  const result = inverted(
    state,
    { at: (_stage, _block, index) => `features.${index + 1}`, plainIsLayer: true, flatLast: false },
    () => [...STEM, [/^conv_head\./, 'classifier.0.'], [/^classifier\./, 'classifier.3.']],
    () => 0,
  );
  return reshaped(result, /^classifier\.0\.weight$/, (x) => x.flatten(1));
}

const efficientNet = (state: State): Map<string, Tensor> =>
  inverted(
    state,
    { at: (stage, block) => `features.${stage + 1}.${block}`, plainIsLayer: false, flatLast: false },
    (last) => [...STEM, [/^conv_head\./, `features.${last}.0.`], [/^bn2\./, `features.${last}.1.`], [/^classifier\./, 'classifier.1.']],
    (stages) => stages + 1,
  );

// ---- other networks

/** Another shape for the tensors whose keys fit. */
function reshaped(state: State, keys: RegExp, shape: (x: Tensor) => Tensor): Map<string, Tensor> {
  return new Map([...state].map(([key, tensor]) => [key, keys.test(key) ? shape(tensor) : tensor]));
}

const byRules =
  (rules: Rules) =>
  (state: State): Map<string, Tensor> =>
    new Map([...state].map(([key, tensor]) => [renamed(key, rules), tensor]));

const CONVNEXT: Rules = [
  [/^stem\.([01])\./, 'features.0.$1.'],
  [/^stages\.(\d+)\.downsample\.([01])\./, (stage, layer) => `features.${2 * Number(stage)}.${layer}.`],
  [/^stages\.(\d+)\.blocks\.(\d+)\.gamma$/, (stage, block) => `${convnextBlock(stage, block)}.layer_scale`],
  [/^stages\.(\d+)\.blocks\.(\d+)\.conv_dw\./, (stage, block) => `${convnextBlock(stage, block)}.block.0.`],
  [/^stages\.(\d+)\.blocks\.(\d+)\.norm\./, (stage, block) => `${convnextBlock(stage, block)}.block.2.`],
  [/^stages\.(\d+)\.blocks\.(\d+)\.mlp\.fc1\./, (stage, block) => `${convnextBlock(stage, block)}.block.3.`],
  [/^stages\.(\d+)\.blocks\.(\d+)\.mlp\.fc2\./, (stage, block) => `${convnextBlock(stage, block)}.block.5.`],
  [/^head\.norm\./, 'classifier.0.'],
  [/^head\.fc\./, 'classifier.2.'],
];
function convnextBlock(stage: string | undefined, block: string | undefined): string {
  return `features.${2 * Number(stage) + 1}.${block!}`;
}
const convNeXt = (state: State): Map<string, Tensor> => reshaped(byRules(CONVNEXT)(state), /\.layer_scale$/, (x) => x.reshape([-1, 1, 1]));

const REGNET: Rules = [
  [/^stem\.conv\./, 'stem.0.'],
  [/^stem\.bn\./, 'stem.1.'],
  [
    /^s(\d)\.b(\d+)\.conv([123])\.(conv|bn)\./,
    (stage, block, place, layer) => `${regnetBlock(stage, block)}.f.${'abc'[Number(place) - 1]!}.${layer === 'conv' ? 0 : 1}.`,
  ],
  [/^s(\d)\.b(\d+)\.se\./, (stage, block) => `${regnetBlock(stage, block)}.f.se.`],
  [/^s(\d)\.b(\d+)\.downsample\.(conv|bn)\./, (stage, block, layer) => `${regnetBlock(stage, block)}.proj.${layer === 'conv' ? 0 : 1}.`],
  [/^head\.fc\./, 'fc.'],
];
function regnetBlock(stage: string | undefined, block: string | undefined): string {
  return `trunk_output.block${stage!}.block${stage!}-${after(block, -1)}`;
}

const VIT: Rules = [
  [/^cls_token$/, 'class_token'],
  [/^pos_embed$/, 'encoder.pos_embedding'],
  [/^patch_embed\.proj\./, 'conv_proj.'],
  [/^blocks\.(\d+)\.norm([12])\./, 'encoder.layers.encoder_layer_$1.ln_$2.'],
  [/^blocks\.(\d+)\.attn\.qkv\./, 'encoder.layers.encoder_layer_$1.self_attention.in_proj_'],
  [/^blocks\.(\d+)\.attn\.proj\./, 'encoder.layers.encoder_layer_$1.self_attention.out_proj.'],
  [/^blocks\.(\d+)\.mlp\.fc1\./, 'encoder.layers.encoder_layer_$1.mlp.0.'],
  [/^blocks\.(\d+)\.mlp\.fc2\./, 'encoder.layers.encoder_layer_$1.mlp.3.'],
  [/^norm\./, 'encoder.ln.'],
  [/^head\./, 'heads.head.'],
];

const SWIN: Rules = [
  [/^patch_embed\.proj\./, 'features.0.0.'],
  [/^patch_embed\.norm\./, 'features.0.2.'],
  [/^layers\.(\d+)\.downsample\./, (stage) => `features.${2 * Number(stage)}.`],
  [/^layers\.(\d+)\.blocks\.(\d+)\.mlp\.fc1\./, (stage, block) => `features.${2 * Number(stage) + 1}.${block}.mlp.0.`],
  [/^layers\.(\d+)\.blocks\.(\d+)\.mlp\.fc2\./, (stage, block) => `features.${2 * Number(stage) + 1}.${block}.mlp.3.`],
  [/^layers\.(\d+)\.blocks\.(\d+)\./, (stage, block) => `features.${2 * Number(stage) + 1}.${block}.`],
  [/^head\.fc\./, 'head.'],
];
/** timm makes the tables of places anew, as torchvision keeps them. */
function swin(state: State): Map<string, Tensor> {
  const result = new Map<string, Tensor>();
  for (const [key, tensor] of byRules(SWIN)(state)) {
    if (key.endsWith('.attn_mask') || key.endsWith('.relative_position_index')) continue;
    result.set(key, tensor);
    if (!key.endsWith('.relative_position_bias_table')) continue;
    const window = (Math.sqrt(tensor.layout.shape[0]!) + 1) / 2;
    const index = fromTypedArray(relativeIndex(window), [window ** 4]);
    result.set(key.replace('relative_position_bias_table', 'relative_position_index'), index);
  }
  return result;
}

/** timm makes the first two layers of the classifier convolutions. */
const vgg = (state: State): Map<string, Tensor> =>
  reshaped(
    byRules([
      [/^pre_logits\.fc1\./, 'classifier.0.'],
      [/^pre_logits\.fc2\./, 'classifier.3.'],
      [/^head\.fc\./, 'classifier.6.'],
    ])(state),
    /^classifier\.[03]\.weight$/,
    (x) => x.flatten(1),
  );

const FAMILIES: readonly (readonly [names: RegExp, convert: (state: State) => Map<string, Tensor>])[] = [
  [/^mobilenet_v2$/, mobilenetV2],
  [/^mobilenet_v3_/, mobilenetV3],
  [/^efficientnet_(?:b|v2_)/, efficientNet],
  [/^convnext_/, convNeXt],
  [/^regnet_/, byRules(REGNET)],
  [/^vit_/, byRules(VIT)],
  [/^swin_[tsb]$/, swin],
  [/^vgg/, vgg],
  [/^(?:resnet|resnext|wide_resnet|densenet|inception_v3)/, (state) => new Map(state)],
];

const MAP = kind(
  'a Map of tensors by name, as load() gives it',
  (value) => value instanceof Map && [...value].every(([key, tensor]) => typeof key === 'string' && isTensor(tensor)),
);

/**
 * A state dict of timm with the keys of our model of the same network; tensors are the same, some seen in another shape. There are mobilenet_v2,
 * mobilenet_v3, efficientnet (B0 to B7, V2), convnext, regnet, vit, swin (not V2), vgg, and those with the same keys anyway: resnet, resnext,
 * wide_resnet, densenet, inception_v3.
 *
 * Where timm normalises with another ε than torchvision, make the model with it, or results differ slightly: `normEps: 1e-5` of mobilenet_v3
 * and of efficientnet B5 to B7 and V2; `normEps: 1e-3` of those whose names in timm begin with `tf_`, which also pad otherwise.
 * timm's `regnetx_004` is another network than torchvision's; `regnetx_004_tv` is the same.
 * @param name of our model, such as `mobilenet_v3_large` for timm's `mobilenetv3_large_100`
 * @throws ArgumentError for a name of no family that is known here
 * @example
 * import { zeros } from 'flambeau';
 * import { models } from 'flambeau/vision';
 * const state = new Map([['head.fc.bias', zeros(10)]]);
 * console.log([...models.fromTimm(state, 'convnext_tiny').keys()].join()); // classifier.2.bias
 */
export function fromTimm(stateDict: ReadonlyMap<string, Tensor>, name: string): Map<string, Tensor> {
  requireKind('fromTimm', 'the state dict', stateDict, MAP);
  requireKind('fromTimm', 'the name', name, TEXT, "write fromTimm(state, 'convnext_tiny')");
  const family = FAMILIES.find(([names]) => names.test(name));
  if (family === undefined)
    throw new ArgumentError(
      `fromTimm: expected the name of a model whose keys in timm are known, but got '${name.slice(0, 60)}'; such as 'mobilenet_v3_large', 'efficientnet_b0', 'convnext_tiny', 'regnet_y_400mf', 'vit_b_16' or 'swin_t'`,
    );
  return family[1](stateDict);
}
