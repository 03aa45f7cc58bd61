/** One thing to take away: what it is for, a button that saves it, how to use it. */
import { useState } from 'preact/hooks';
import { OFFERS, sizeText, type OfferFacts, type OfferKind } from '../../../core/take/offers.ts';
import { CopyButton } from '../../ui/copied.tsx';
import { download, makeFile } from './make.ts';
import { messageOf } from '../../../core/failure.ts';

interface OfferProps {
  readonly kind: OfferKind;
  readonly facts: OfferFacts;
  /** Why it cannot be had now. */
  readonly missing: string | undefined;
}

type State =
  | { readonly is: 'idle' }
  | { readonly is: 'making' }
  | { readonly is: 'saved'; readonly bytes: number }
  | { readonly is: 'failed'; readonly why: string };

function stateText(state: State, about: number): string {
  switch (state.is) {
    case 'idle':
      return `about ${sizeText(about)}`;
    case 'making':
      return 'Making the file …';
    case 'saved':
      return `Saved, ${sizeText(state.bytes)}`;
    case 'failed':
      return `This did not work: ${state.why}`;
  }
}

export function OfferCard({ kind, facts, missing }: OfferProps) {
  const offer = OFFERS[kind];
  const name = offer.fileName(facts);
  const [state, setState] = useState<State>({ is: 'idle' });
  const take = async (): Promise<void> => {
    setState({ is: 'making' });
    try {
      const bytes = await makeFile(kind);
      await download(bytes, name);
      setState({ is: 'saved', bytes: bytes.length });
    } catch (error) {
      setState({ is: 'failed', why: messageOf(error) });
    }
  };
  return (
    <article class="card offer" aria-labelledby={`offer-${kind}`}>
      <h3 id={`offer-${kind}`}>{offer.title}</h3>
      <p>{offer.purpose}</p>
      <p class="offer-save">
        <button
          type="button"
          class="primary"
          aria-label={`Save ${name}`}
          disabled={missing !== undefined || state.is === 'making'}
          aria-describedby={`offer-${kind}-state`}
          onClick={() => void take()}
        >
          Save
        </button>
        <span class="file-name">{name}</span>
        <output id={`offer-${kind}-state`} class={state.is === 'failed' ? 'error' : 'muted'}>
          {missing ?? stateText(state, offer.size(facts))}
        </output>
      </p>
      <details>
        <summary>How to use it</summary>
        {offer.uses(facts).map(({ where, code }) => (
          <div class="snippet" key={where}>
            <div class="snippet-head">
              <span>{where}</span>
              <CopyButton text={code} what={`the lines for ${where}`} />
            </div>
            <pre tabindex={0}>{code}</pre>
          </div>
        ))}
      </details>
    </article>
  );
}
