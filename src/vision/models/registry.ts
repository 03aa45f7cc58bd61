/** Models by name (https://pytorch.org/vision/stable/models.html#model-registration-mechanism). */
import { either, ARRAY, kind, nearest, oneOf, requireKind, requireOptions, TEXT, type OptionKinds } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import type * as nn from '../../nn/index.ts';
import * as alexnet from './alexnet.ts';
import * as convnext from './convnext.ts';
import * as densenet from './densenet.ts';
import * as efficientnetLite from './efficientnet-lite.ts';
import * as efficientnet from './efficientnet.ts';
import * as googlenet from './googlenet.ts';
import * as inception from './inception.ts';
import * as lenet from './lenet.ts';
import * as mnasnet from './mnasnet.ts';
import * as mobilenetv2 from './mobilenetv2.ts';
import * as mobilenetv3 from './mobilenetv3.ts';
import * as regnet from './regnet.ts';
import * as resnet from './resnet.ts';
import * as segmentation from './segmentation/index.ts';
import * as shufflenetv2 from './shufflenetv2.ts';
import * as squeezenet from './squeezenet.ts';
import * as swin from './swin-transformer.ts';
import * as vgg from './vgg.ts';
import * as vit from './vision-transformer.ts';

/** The functions among what a file exports: their names have no capitals, those of classes do. */
type Builders<M> = { readonly [K in keyof M as K extends Lowercase<K & string> ? K : never]: M[K] };

function builders<M extends object>(exported: M): Builders<M> {
  return Object.fromEntries(Object.entries(exported).filter(([name]) => name === name.toLowerCase())) as Builders<M>;
}

const CLASSIFIERS = {
  ...builders(alexnet),
  ...builders(convnext),
  ...builders(densenet),
  ...builders(efficientnet),
  ...builders(efficientnetLite),
  ...builders(googlenet),
  ...builders(inception),
  ...builders(lenet),
  ...builders(mnasnet),
  ...builders(mobilenetv2),
  ...builders(mobilenetv3),
  ...builders(regnet),
  ...builders(resnet),
  ...builders(shufflenetv2),
  ...builders(squeezenet),
  ...builders(swin),
  ...builders(vgg),
  ...builders(vit),
};
const SEGMENTATION = builders(segmentation);

type All = typeof CLASSIFIERS & typeof SEGMENTATION;

/** The name of a model that {@link getModel} makes. */
export type ModelName = keyof All;
type OptionsOf<N extends ModelName> = Parameters<All[N]>[0];
type AnyBuilder = (options?: object) => nn.ModuleBase;

const ALL: ReadonlyMap<string, AnyBuilder> = new Map(Object.entries({ ...CLASSIFIERS, ...SEGMENTATION }) as [string, AnyBuilder][]);

/**
 * A model by name, with the options of the function of that name.
 * @throws ArgumentError for a name that there is not
 * @example
 * import { randn } from 'flambeau';
 * import { models } from 'flambeau/vision';
 * const model = models.getModel('mobilenet_v3_small', { numClasses: 10 });
 * if (model(randn(2, 3, 64, 64)).shape.join() !== '2,10') throw new Error('ten classes');
 */
export function getModel<N extends ModelName>(name: N, options?: OptionsOf<N>): ReturnType<All[N]>;
export function getModel(name: string, options?: object): nn.ModuleBase;
export function getModel(name: string, options?: unknown): unknown {
  requireKind('getModel', 'the name', name, TEXT, "write getModel('resnet18')");
  const build = ALL.get(name.toLowerCase());
  if (build === undefined) {
    const near = nearest(name, [...ALL.keys()]);
    throw new ArgumentError(
      `getModel: there is no model '${name.slice(0, 60)}'${near === undefined ? ';' : `; did you mean '${near}'?`} listModels() gives all names`,
    );
  }
  return build(options as object | undefined);
}

export interface ListModelsOptions {
  /** Default null: of both kinds. */
  readonly task?: 'classification' | 'segmentation' | null;
  /** Names to list, with `*` for any letters and `?` for one; one pattern or several. Default all. */
  readonly include?: string | readonly string[];
  /** Names not to list. Default none. */
  readonly exclude?: string | readonly string[];
}

const PATTERNS = either(
  TEXT,
  kind('an array of strings', (value) => ARRAY.accepts(value) && (value as unknown[]).every((item) => typeof item === 'string')),
);
const OPTIONS: OptionKinds<ListModelsOptions> = {
  task: either(
    oneOf('classification', 'segmentation'),
    kind('null', (value) => value === null),
  ),
  include: PATTERNS,
  exclude: PATTERNS,
};

/** Whether a name fits one of the patterns, letter case aside. */
function fits(name: string, patterns: string | readonly string[]): boolean {
  return [patterns].flat().some((pattern) => {
    const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
    return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'i').test(name);
  });
}

/**
 * The names of the models that there are, in alphabetical order.
 * @example
 * import { models } from 'flambeau/vision';
 * console.log(models.listModels({ include: 'resnet*', exclude: '*1*' }).join()); // resnet34,resnet50
 */
export function listModels(options: ListModelsOptions = {}): ModelName[] {
  const {
    task = null,
    include = '*',
    exclude = [],
  } = requireOptions<ListModelsOptions>('listModels', options, OPTIONS, "{ include: 'resnet*' }");
  const names = Object.keys(
    task === 'classification' ? CLASSIFIERS : task === 'segmentation' ? SEGMENTATION : { ...CLASSIFIERS, ...SEGMENTATION },
  );
  return names.filter((name) => fits(name, include) && !fits(name, exclude)).sort() as ModelName[];
}
