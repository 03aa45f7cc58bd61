/** A figure by its name. */
import type { ComponentType } from 'preact';
import type { FigureName } from '../../../../core/learn/chapters.ts';
import type { NetworkSpec } from '../../../../core/spec.ts';
import { CorrelateFigure, LayersFigure, LearnKernelFigure, ParametersFigure, PoolFigure, SlideFigure } from './numbers.tsx';
import { OverfitFigure } from './overfit.tsx';
import { AugmentFigure, FilterFigure, MapsFigure } from './pictures.tsx';

type Plain = Exclude<FigureName, 'layers'>;

/** Total: a figure without its title and component does not compile. */
const FIGURES: { readonly [F in Plain]: readonly [title: string, component: ComponentType] } = {
  filter: ['A kernel over a picture', FilterFigure],
  slide: ['How many places are there?', SlideFigure],
  parameters: ['Parameters of a convolution', ParametersFigure],
  pool: ['Pooling', PoolFigure],
  augment: ['One picture, eight times', AugmentFigure],
  overfit: ['Learned by heart', OverfitFigure],
  correlate: ['Sums of products', CorrelateFigure],
  'learn-kernel': ['A kernel that finds itself', LearnKernelFigure],
  maps: ['From picture to pooled map', MapsFigure],
};

interface FigureProps {
  readonly name: FigureName;
  readonly network: NetworkSpec | undefined;
}

export function LiveFigure({ name, network }: FigureProps) {
  const [title, Shown] = name === 'layers' ? ['Layer by layer', undefined] : FIGURES[name];
  return (
    <section class="card live" aria-label={title}>
      <h4>
        <span>Try it: {title}</span>
      </h4>
      {Shown === undefined ? network !== undefined && <LayersFigure network={network} /> : <Shown />}
    </section>
  );
}
