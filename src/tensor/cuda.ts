/** What scripts that ask for CUDA find: the GPU device, if there is one. */
import { hasGpu, startGpu } from './backend.ts';

/** The part of `torch.cuda` that portable scripts call. `'cuda'` as a device means the GPU here, whoever made it. */
export const cuda = {
  /** Whether tensors can be moved to a GPU now: `const device = cuda.isAvailable() ? 'cuda' : 'cpu'`. Where a program may not block, on a page for example, only after {@link cuda.init}. */
  isAvailable: hasGpu,
  deviceCount: (): number => (hasGpu() ? 1 : 0),
  /** Looks for a GPU and starts it; resolves with whether there is one. Needed only where a program may not block. */
  init: startGpu,
};
