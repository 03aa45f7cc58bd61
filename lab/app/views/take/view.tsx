/** What one takes home: the network as files, the page that classifies, the report, the pictures, the link. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { fileName } from '../../../core/take/names.ts';
import { OFFER_KINDS, type OfferFacts, type OfferKind } from '../../../core/take/offers.ts';
import { pageScript } from '../../../page/source.ts';
import { built, classes, currentRun, pictures, setup } from '../../state/project.ts';
import type { Run } from '../../state/run.ts';
import { linkOf } from '../../state/link.ts';
import { CopyButton } from '../../ui/copied.tsx';
import { takenSetup } from './make.ts';
import { OfferCard } from './offer.tsx';

/** Bytes of float32 numbers. */
const FLOAT = 4;

function factsOf(run: Run | undefined, parameters: number): OfferFacts {
  const { network: spec, classes: names } = takenSetup(run);
  return {
    name: fileName(spec.name, names),
    network: spec,
    classes: names,
    weightBytes: parameters * FLOAT,
    programBytes: pageScript.length,
    pictures: (run?.pictures ?? pictures.value).length,
  };
}

/** What the files hold, in a sentence. */
function Holding({ run }: { readonly run: Run | undefined }) {
  const epoch = run?.epochs.value.at(-1);
  if (run === undefined || epoch === undefined) {
    return (
      <p class="card holding" role="status">
        <b>Nothing has been trained yet.</b> The files hold the weights that a network begins with, drawn with the seed{' '}
        {setup.value.training.seed}: they guess. <a href="#train">Train first</a>, or take them all the same.
      </p>
    );
  }
  const right = epoch.valid === undefined ? '' : `, right about ${Math.round(epoch.valid.accuracy * 100)} % of the pictures kept aside`;
  return (
    <p class="card holding" role="status">
      <b>{run.network.name}</b> after {epoch.epoch} {epoch.epoch === 1 ? 'epoch' : 'epochs'}
      {right}.{run.status.value === 'running' ? ' It is still training: a file holds the weights of the moment.' : ''}
    </p>
  );
}

function missingOf(kind: OfferKind, run: Run | undefined): string | undefined {
  if (kind === 'report' && (run?.epochs.value.length ?? 0) === 0) return 'after the first epoch of training';
  if (kind === 'pictures' && (run?.pictures ?? pictures.value).length === 0) return 'there are no pictures yet';
  return undefined;
}

function SetupLink({ run }: { readonly run: Run | undefined }) {
  const taken = takenSetup(run);
  const [link, setLink] = useState('');
  useEffect(() => {
    let wanted = true;
    void linkOf(taken).then((made) => wanted && setLink(made));
    return () => void (wanted = false);
  }, [run, JSON.stringify(taken)]);
  return (
    <article class="card offer" aria-labelledby="offer-link">
      <h3 id="offer-link">Link</h3>
      <p>
        The whole setup in one address: classes, network, training, seed. Whoever opens it adds pictures and trains the same. Pictures and
        weights are not in it.
      </p>
      <div class="snippet">
        <div class="snippet-head">
          <span>{link.length} letters</span>
          <CopyButton text={link} what="the link" />
        </div>
        <pre tabindex={0}>{link}</pre>
      </div>
    </article>
  );
}

export function TakeView() {
  const run = currentRun.value;
  const { error, blocks } = built.value;
  const initial = useMemo(() => blocks.reduce((sum, { parameters }) => sum + parameters, 0), [blocks]);
  const none = classes.value.length === 0 && run === undefined;
  const problem = run === undefined ? (none ? 'there are no classes yet: add pictures first' : error) : run.error.value;
  const facts = factsOf(run, run === undefined ? initial : run.parameters.value);
  return (
    <section class="take">
      <h2>Take away</h2>
      <p class="lead">Your network is yours: save it, and use it wherever you like. Nothing is sent anywhere.</p>
      {problem === undefined ? (
        <Holding run={run} />
      ) : (
        <p class="card holding error" role="status">
          There is nothing to take away: {problem}.{' '}
          <a href={none ? '#pictures' : '#build'}>{none ? 'To the pictures' : `To the network`}</a>
        </p>
      )}
      <div class="offers">
        {OFFER_KINDS.map((kind) => (
          <OfferCard key={kind} kind={kind} facts={facts} missing={problem === undefined ? missingOf(kind, run) : 'not yet'} />
        ))}
        <SetupLink run={run} />
      </div>
    </section>
  );
}
