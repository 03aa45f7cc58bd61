/** What an empty project shows: one click that shows it all, and three ways in. */
import { useState } from 'preact/hooks';
import { SAMPLES, SAMPLES_PER_CLASS } from '../../../core/samples.ts';
import { openProjectFile } from '../../storage/project-file.ts';
import { addClass, takeSamples } from './actions.ts';
import { FileButton } from './file-buttons.tsx';
import { toggleMaker, type Maker } from './maker.ts';
import { NewClass } from './new-class.tsx';
import { showMe } from './show-me.ts';

/** A first class with its camera or pad open. */
function beginWith(maker: Maker): void {
  if (addClass('Class 1') === undefined) toggleMaker('Class 1', maker);
  addClass('Class 2');
}

export function Welcome() {
  return (
    <section class="welcome" aria-label="Welcome">
      <h2>See why convolutions work</h2>
      <p class="welcome-lead">
        Here you train a neural network on pictures and look at every number inside it. All of it happens on this machine: nothing is sent
        anywhere, and it works offline.
      </p>
      <p>
        <button type="button" class="primary show-me" onClick={showMe}>
          Show me
        </button>
        <span class="muted">
          {' '}
          It takes {SAMPLES.shapes.classes.length * SAMPLES_PER_CLASS} pictures of shapes, trains a small network and opens it for you.
        </span>
      </p>
      <div class="ways">
        <section class="card">
          <h3>Begin with samples</h3>
          {(Object.keys(SAMPLES) as (keyof typeof SAMPLES)[]).map((name) => (
            <p key={name}>
              <button type="button" onClick={() => takeSamples(name)}>
                {SAMPLES[name].title}
              </button>{' '}
              <span class="muted">{SAMPLES[name].summary}</span>
            </p>
          ))}
        </section>
        <section class="card">
          <h3>Take your own pictures</h3>
          <p class="row">
            <button type="button" onClick={() => beginWith('camera')}>
              Camera
            </button>
            <button type="button" onClick={() => beginWith('draw')}>
              Draw
            </button>
            <FileButton text="A folder …" label="Add a folder: each folder in it becomes a class" folder />
            <FileButton text="Files …" label="Add files" />
          </p>
          <NewClass />
          <p class="muted">Or drop a folder anywhere on this page: each folder in it becomes a class.</p>
        </section>
        <section class="card">
          <h3>Go on from a file or a link</h3>
          <OpenSaved />
        </section>
      </div>
    </section>
  );
}

function OpenSaved() {
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const open = (): void => {
    const packed = /#(build\/.+)$/.exec(text.trim())?.[1];
    setProblem(packed === undefined ? 'This is no link of the laboratory: one has “#build/” in it. Copy the whole link.' : undefined);
    if (packed !== undefined) location.hash = `#${packed}`;
  };
  return (
    <>
      <p>
        <label>
          A project that was saved as a file{' '}
          <input
            type="file"
            accept=".zip"
            onChange={({ currentTarget }) => {
              const file = currentTarget.files?.[0];
              if (file !== undefined) void openProjectFile(file).finally(() => (currentTarget.value = ''));
            }}
          />
        </label>
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          open();
        }}
      >
        <label>
          A link that somebody sent
          <span class="row link-row">
            <input type="text" value={text} onInput={({ currentTarget }) => setText(currentTarget.value)} />
            <button type="submit">Open</button>
          </span>
        </label>
        {problem !== undefined && (
          <p class="error" role="alert">
            {problem}
          </p>
        )}
      </form>
    </>
  );
}
