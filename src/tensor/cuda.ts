/** What scripts that ask for CUDA find: there is none. */

/** The part of `torch.cuda` that portable scripts call. */
export const cuda = {
  /** Always false: `train_on_gpu` scripts take their CPU path. */
  isAvailable: (): boolean => false,
  deviceCount: (): number => 0,
};
