/** One process of `npm run op-db` (tools/op-db.mjs): runs the files it is told and hands back its tally. */
import { setNumThreads } from 'flambeau';
import { Container } from './container.ts';
import { MODES, type Mode } from './judge.ts';
import { NAMES } from './table.ts';
import { newTally, tallyGroup, tallySecond } from './tally.ts';

interface Order {
  readonly files: readonly string[];
  /** PyTorch's names, without variants; all when empty. */
  readonly names: readonly string[];
  readonly mode: Mode | 'both' | 'second';
}

setNumThreads(1); // processes share the machine's cores
process.on('message', (order: Order | 'names') => {
  if (order === 'names') return void process.send!(NAMES);
  const tally = newTally();
  for (const file of order.files) {
    for (const group of Container.read(file)) {
      const wanted = order.names.length === 0 || order.names.some((name) => name === group.name || name === group.name.split(':')[0]);
      if (!wanted) continue;
      if (order.mode === 'second') tallySecond(tally, group, ({ dtype }) => dtype === 'float64');
      else tallyGroup(tally, group, order.mode === 'both' ? MODES : [order.mode]);
    }
  }
  process.send!(tally);
});
process.send!('ready');
