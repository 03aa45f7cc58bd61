/**
 * Flambeau: tensors with automatic gradients, layers, optimizers, data loading. Runs in Node and in browsers. The same names without rarely used families
 * of operations are in `flambeau/core`.
 *
 * Images, transforms and data sets are in `flambeau/vision`; files and training from folders in `flambeau/node`.
 */
import './nn/families/index.ts';
import './optim/families/optimizer-states.ts';
import './tensor/families/index.ts';

export * from './core.ts';
