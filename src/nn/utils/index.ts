/** PyTorch's `torch.nn.utils`. */
export { clipGradNorm_, clipGradValue_ } from './clip-grad.ts';
export { consumePrefixInStateDictIfPresent } from '../state-dict.ts';
export * as rnn from './rnn.ts';
