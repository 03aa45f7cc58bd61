/** The network as blocks, checked while one types, with its numbers, its training and its program. */
import { useEffect } from 'preact/hooks';
import { Chain } from './chain.tsx';
import { Code } from './code.tsx';
import { followFacts } from './facts.ts';
import { CopyLink, LinkOffer, readAddress } from './link.tsx';
import { BlockPicker } from './picker.tsx';
import { InputSettings, TrainingSettings } from './settings.tsx';
import { FrozenNeeds, OpenModel, StartWeightsLine } from './open-model.tsx';
import { Later } from '../../ui/later.tsx';
import { Templates } from './templates.tsx';
import { Totals } from './totals.tsx';

export function BuildView() {
  useEffect(followFacts, []);
  useEffect(() => {
    readAddress();
    addEventListener('hashchange', readAddress);
    return () => removeEventListener('hashchange', readAddress);
  }, []);
  return (
    <section class="build">
      <div class="build-head">
        <h2>Build</h2>
        <CopyLink />
      </div>
      <details class="card start">
        <summary>Start from a template or a file</summary>
        <Templates />
        <OpenModel />
      </details>
      <FrozenNeeds />
      <StartWeightsLine />
      <Totals />
      <div class="build-columns">
        <div>
          <InputSettings />
          <Chain />
        </div>
        <div class="aside">
          <Later height={420}>
            <TrainingSettings />
          </Later>
          <Later>
            <Code />
          </Later>
        </div>
      </div>
      <BlockPicker />
      <LinkOffer />
    </section>
  );
}
