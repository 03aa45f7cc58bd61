/** `flambeau/nn/functional` for Node, where everything that `flambeau` has is there. */
import './index-node.ts';

export * from './nn/functional.ts';
