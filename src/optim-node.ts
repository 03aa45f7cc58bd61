/** `flambeau/optim` for Node, where everything that `flambeau` has is there. */
import './index-node.ts';

export * from './optim/index.ts';
