/** PyTorch's `torch.utils`, as far as it is about computing. Data sets and loaders are in `data`. */
import { checkpoint as call, checkpointSequential, type CheckpointOptions } from './checkpoint.ts';

/** PyTorch's `torch.utils.checkpoint`. */
export const checkpoint = { checkpoint: call, checkpointSequential } as const;
export type { CheckpointOptions };
