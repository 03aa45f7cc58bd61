/** Blocks of models by torchvision's names (https://pytorch.org/vision/stable/ops.html). */
export {
  Conv2dNormActivation,
  MLP,
  Permute,
  SqueezeExcitation,
  type ActivationLayer,
  type Conv2dNormActivationOptions,
  type MLPOptions,
  type NormLayer,
  type SqueezeExcitationOptions,
} from './misc.ts';
export { StochasticDepth, stochasticDepth, type StochasticDepthMode } from './stochastic-depth.ts';
