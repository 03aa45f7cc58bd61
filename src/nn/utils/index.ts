/** PyTorch's `torch.nn.utils`. */
export { clipGradNorm_, clipGradsWithNorm_, clipGradValue_, getTotalNorm } from './clip-grad.ts';
export { parametersToVector, vectorToParameters } from './convert-parameters.ts';
export { fuseConvBnEval, fuseLinearBnEval } from './fusion.ts';
export { consumePrefixInStateDictIfPresent } from '../state-dict.ts';
export * as rnn from './rnn.ts';
