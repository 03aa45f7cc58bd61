/** What needs Node: files. Training from folders is the `flambeau` command. */
export { load, save } from './io/checkpoint-node.ts';
