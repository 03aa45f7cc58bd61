/** What concerns the project as a whole: save, open, start anew, and how the page looks. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { counted } from '../../core/words.ts';
import { classes, pictures, runs } from '../state/project.ts';
import { openProjectFile, saveProjectFile, startAnew } from '../storage/project-file.ts';
import { saveState, type SaveState } from '../storage/save-state.ts';
import { theme, THEMES, type Theme } from '../ui/theme.ts';

const SAID: Readonly<Record<SaveState, string>> = {
  restoring: 'Looking …',
  saved: 'Kept in this browser',
  unsaved: 'Keeping …',
  failed: 'Not kept!',
  denied: 'Not kept here',
};

export function ProjectMenu() {
  const menu = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const [asking, setAsking] = useState(false);
  const close = (): void => menu.current?.hidePopover();
  const state = saveState.value;
  return (
    <div class="project">
      <span class={`save-state ${state}`}>{SAID[state]}</span>
      <button type="button" popovertarget="project-menu">
        Project <span aria-hidden="true">▾</span>
      </button>
      <div ref={menu} id="project-menu" popover="auto" class="card project-menu">
        <button
          type="button"
          onClick={() => {
            close();
            void saveProjectFile();
          }}
        >
          Save as a file
        </button>
        <button type="button" onClick={() => input.current?.click()}>
          Open a file …
        </button>
        <button
          type="button"
          onClick={() => {
            close();
            setAsking(true);
          }}
        >
          Start anew …
        </button>
        <Colours />
        <input
          ref={input}
          type="file"
          hidden
          accept=".zip"
          aria-label="Project file"
          onChange={({ currentTarget }) => {
            const file = currentTarget.files?.[0];
            close();
            if (file !== undefined) void openProjectFile(file).finally(() => (currentTarget.value = ''));
          }}
        />
      </div>
      {asking && <StartAnew onEnd={() => setAsking(false)} />}
    </div>
  );
}

function Colours() {
  return (
    <label>
      Colours{' '}
      <select value={theme.value} onChange={({ currentTarget }) => (theme.value = currentTarget.value as Theme)}>
        {Object.entries(THEMES).map(([key, name]) => (
          <option key={key} value={key}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function StartAnew({ onEnd }: { readonly onEnd: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="card" aria-label="Start anew" onClose={onEnd}>
      <h2>Start anew?</h2>
      <p>
        {counted(pictures.value.length)} in {counted(classes.value.length, 'class', 'classes')}, the network and{' '}
        {counted(runs.value.length, 'run')} will be cleared from this browser. To keep them, save them as a file first.
      </p>
      <form method="dialog" class="row">
        <button type="button" onClick={() => void saveProjectFile()}>
          Save as a file
        </button>
        <button type="submit">Cancel</button>
        <button type="submit" class="primary" onClick={startAnew}>
          Start anew
        </button>
      </form>
    </dialog>
  );
}
