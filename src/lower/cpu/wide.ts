/** Algorithms for machines with vectors of more than 16 bytes: only Node has those, so browsers do not load them. */
import { withChannelsTogether } from '../../compiler/by-channels.ts';
import { chainFrom } from '../../compiler/chains.ts';
import { provideChains, provideStageJoining } from '../../compiler/fuse.ts';
import { withStagesJoined } from '../../compiler/stages.ts';
import { buildWriteWeights } from '../../kernels/cpu/conv/winograd-weight-write.ts';
import { provideCorrelation, provideStages, provideWeightGrad } from './conv/index.ts';
import { convStage, padStage } from './conv/stages.ts';
import { providePadStage } from './indexing.ts';
import { provideByChannels } from '../../compiler/plan.ts';
import { lowerFlat, suitsFlat } from './conv/flat.ts';
import { lowerHalfProducts } from './conv/half-products.ts';
import { lowerPixelPanels, suitsPixelPanels } from './conv/pixel-panels.ts';
import { lowerProducts } from './conv/products.ts';
import { lowerSingle } from './conv/single.ts';
import { lowerStrips, suitsStrips } from './conv/strips.ts';
import { lowerWeightProducts } from './conv/weight-products.ts';
import { provideWriteWeights } from './conv/winograd-weight-grad.ts';
import { enableByChannels } from './by-channels.ts';
import { lowerTogether } from './together.ts';
import { lowerHalves } from './halves.ts';
import { provideHalves } from './matmul.ts';
import { provideMaxValues } from './pool.ts';
import { maxValuesKernel } from '../../kernels/cpu/pool/max-values.ts';

export function enableWide(): void {
  provideChains(chainFrom);
  provideStageJoining(withStagesJoined);
  provideStages(convStage);
  providePadStage(padStage);
  provideByChannels((graph) => withChannelsTogether(graph, lowerTogether));
  enableByChannels();
  provideHalves(lowerHalves);
  provideWriteWeights(buildWriteWeights);
  provideMaxValues(maxValuesKernel);
  provideCorrelation((l, c, o) => {
    if (l.wideTarget.vectorBytes <= 16) return undefined;
    const flat = suitsFlat(l, c, o) ? lowerFlat(l, c, o) : undefined;
    const panels = suitsPixelPanels(l, c, o) ? lowerPixelPanels : undefined;
    const strips = suitsStrips(l, c, o) ? lowerStrips : undefined;
    return flat ?? lowerHalfProducts(l, c, o) ?? lowerSingle(l, c, o) ?? panels?.(l, c, o) ?? strips?.(l, c, o) ?? lowerProducts(l, c, o);
  });
  // With vectors of 16 bytes products gain where kernels are 1×1: nothing is unfolded there.
  provideWeightGrad((l, g, ...of) => {
    const { vectorBytes } = l.wideTarget;
    const suits = vectorBytes > 16 || g.height.kernel * g.width.kernel === 1;
    return suits && lowerWeightProducts(l, g, ...of);
  });
}
