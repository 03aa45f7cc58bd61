/** `flambeau/train` for Node, where everything that `flambeau` has is there. */
import './index-node.ts';

export * from './train/index.ts';
