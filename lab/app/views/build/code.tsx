/** The setup as a program, beside the blocks that it is made of. */
import { signal } from '@preact/signals';
import { programOf, type Language } from '../../../core/code.ts';
import { built, fittingWeights, pictures, setup } from '../../state/project.ts';
import { CopyButton } from '../../ui/copied.tsx';
import { savePictures, saveWeights } from './save.ts';

const language = signal<Language>('pytorch');
const LANGUAGES: Readonly<Record<Language, { readonly title: string; readonly file: string }>> = {
  pytorch: { title: 'PyTorch', file: 'train.py' },
  typescript: { title: 'TypeScript', file: 'train.mts' },
};
const NAMES = Object.keys(LANGUAGES) as Language[];

/** Arrows go from tab to tab, as everywhere. */
function arrows(event: KeyboardEvent): void {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (by === undefined) return;
  event.preventDefault();
  const next = NAMES[(NAMES.indexOf(language.value) + by + NAMES.length) % NAMES.length]!;
  language.value = next;
  document.getElementById(`code-tab-${next}`)?.focus();
}

export function Code() {
  const chosen = language.value;
  const fits = built.value.error === undefined;
  const text = programOf(setup.value, chosen, { weights: fittingWeights.value !== undefined });
  return (
    <section class="card code" aria-labelledby="code-title">
      <h3 id="code-title">The same as a program</h3>
      <p class="help">
        It trains this network on your pictures and prints the losses that the laboratory shows: same seed, same numbers
        {fits ? '' : '; blocks that do not fit are left out'}.
      </p>
      <div class="code-head">
        <div role="tablist" aria-label="Language" onKeyDown={arrows}>
          {NAMES.map((name) => (
            <button
              key={name}
              type="button"
              role="tab"
              id={`code-tab-${name}`}
              aria-selected={name === chosen}
              aria-controls="code-panel"
              tabIndex={name === chosen ? 0 : -1}
              onClick={() => (language.value = name)}
            >
              {LANGUAGES[name].title}
            </button>
          ))}
        </div>
        <span class="muted file">{LANGUAGES[chosen].file}</span>
        <CopyButton text={text} what={`the ${LANGUAGES[chosen].title} program`} />
      </div>
      <pre id="code-panel" role="tabpanel" aria-labelledby={`code-tab-${chosen}`} tabIndex={0}>
        <code>{text}</code>
      </pre>
      <p>
        {fittingWeights.value !== undefined && (
          <button type="button" onClick={() => void saveWeights()}>
            Save weights.pt
          </button>
        )}{' '}
        <button type="button" disabled={pictures.value.length === 0} onClick={() => void savePictures()}>
          Save pictures.pt
        </button>{' '}
        <span class="help">
          {pictures.value.length === 0
            ? 'the pictures for the program, once there are some'
            : 'your pictures as the program loads them; put it beside the program'}
        </span>
      </p>
    </section>
  );
}
