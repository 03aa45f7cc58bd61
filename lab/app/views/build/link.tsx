/** Links that hold the setup: making one, and asking before one that was opened replaces what stands. */
import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { unpackSetup } from '../../../core/share.ts';
import type { Setup } from '../../../core/spec.ts';
import { linkOf } from '../../state/link.ts';
import { classes, pictures, replacePictures, setup } from '../../state/project.ts';
import { copyText } from '../../ui/copied.tsx';
import { change } from './edits.ts';
import { messageOf } from '../../../core/failure.ts';

type Offered = { readonly setup: Setup } | { readonly problem: string };
/** What an opened link holds, until the visitor has decided. */
const offered = signal<Offered | undefined>(undefined);

/** The part of the address after #build/ is a setup; it is taken out, so that a reload does not ask again. */
export function readAddress(): void {
  const text = /^#build\/(?:s=)?(.+)$/.exec(location.hash)?.[1];
  if (text === undefined) return;
  history.replaceState(null, '', '#build');
  void unpackSetup(text).then(
    (found) => (offered.value = { setup: found }),
    (error: unknown) => (offered.value = { problem: messageOf(error) }),
  );
}

function accept({ network, training, classes: names }: Setup): void {
  change(`Opened the link: ${network.name}`, { network, training });
  if (pictures.value.length === 0 && names.length > 0) replacePictures(names, []);
  offered.value = undefined;
}

/** Asks before anything is replaced. */
export function LinkOffer() {
  const dialog = useRef<HTMLDialogElement>(null);
  const offer = offered.value;
  useEffect(() => {
    if (offer !== undefined && dialog.current?.open === false) dialog.current.showModal();
    if (offer === undefined && dialog.current?.open === true) dialog.current.close();
  }, [offer]);
  return (
    <dialog
      ref={dialog}
      class="offer-link"
      aria-label="Link"
      onClose={() => {
        // The event comes late: another link may have opened the dialog again.
        if (dialog.current?.open === false) offered.value = undefined;
      }}
    >
      {offer !== undefined && ('setup' in offer ? <Question setup={offer.setup} /> : <Problem text={offer.problem} />)}
    </dialog>
  );
}

function Question({ setup: found }: { readonly setup: Setup }) {
  const { network, classes: names } = found;
  const own = pictures.value.length > 0;
  return (
    <>
      <h2>Open this setup?</h2>
      <p>
        The link holds the network “{network.name}” with {network.layers.length} blocks for pictures of {network.size} × {network.size}, how
        it is trained, and {names.length === 0 ? 'no classes' : `the classes ${names.join(', ')}`}.
      </p>
      <p>
        It takes the place of your network and training settings, which Undo brings back.{' '}
        {own ? `Your pictures and classes (${classes.value.join(', ')}) stay.` : ''}
      </p>
      <p class="row">
        <button type="button" class="primary" autofocus onClick={() => accept(found)}>
          Open it
        </button>
        <button type="button" onClick={() => (offered.value = undefined)}>
          Keep mine
        </button>
      </p>
    </>
  );
}

function Problem({ text }: { readonly text: string }) {
  return (
    <>
      <h2>This link cannot be opened</h2>
      <p>{text}.</p>
      <p>Nothing was changed.</p>
      <p>
        <button type="button" class="primary" autofocus onClick={() => (offered.value = undefined)}>
          Close
        </button>
      </p>
    </>
  );
}

export function CopyLink() {
  const [said, say] = useState('Copy link');
  const copy = async (): Promise<void> => {
    const done = await copyText(await linkOf(setup.value));
    say(done ? 'Link copied' : 'Could not copy');
    setTimeout(() => say('Copy link'), 1600);
  };
  return (
    <button type="button" class="copy-link" title="Network, training and classes in an address; no pictures" onClick={() => void copy()}>
      <span aria-live="polite">{said}</span>
    </button>
  );
}
