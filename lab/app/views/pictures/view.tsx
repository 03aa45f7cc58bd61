/** The pictures that a network learns from: where they come from, what class each is, and which are kept aside. */
import { useEffect, useState } from 'preact/hooks';
import { SAMPLES } from '../../../core/samples.ts';
import { droppedFiles } from '../../import/dropped.ts';
import { counted } from '../../../core/words.ts';
import { importFiles } from '../../import/importing.ts';
import { redo, redoable, undo, undoable } from '../../state/history.ts';
import { classes, pictures } from '../../state/project.ts';
import { said, takeSamples } from './actions.ts';
import { AdviceList } from '../../ui/advice.tsx';
import { Later, useGradually } from '../../ui/later.tsx';
import { ClassSection } from './class-section.tsx';
import { FileButton } from './file-buttons.tsx';
import { NewClass } from './new-class.tsx';
import { ImportStatus } from './import-status.tsx';
import { Parts } from './parts.tsx';
import { SelectionBar } from './selection-bar.tsx';
import { Welcome } from './welcome.tsx';

export function PicturesView() {
  const over = useDrop();
  const shown = useGradually(classes.value.length, 2);
  const empty = classes.value.length === 0;
  const overlay = over && <div class="drop-over">Drop folders (each becomes a class) or pictures</div>;
  if (empty && pictures.value.length === 0)
    return (
      <>
        {undoable.value !== undefined && <History />}
        <Welcome />
        <ImportStatus />
        {overlay}
      </>
    );
  return (
    <section class="pictures">
      <div class="row pictures-head">
        <h2>Pictures</h2>
        <span class="muted">
          {counted(pictures.value.length)} in {counted(classes.value.length, 'class', 'classes')}
        </span>
        <History />
      </div>
      <Sources />
      <ImportStatus />
      {!empty && <AdviceList />}
      <div class="pictures-body">
        <div class="class-list">
          {classes.value.slice(0, shown).map((name, label) => (
            <ClassSection key={name} name={name} label={label} pictures={pictures.value.filter((picture) => picture.label === label)} />
          ))}
          <NewClass />
        </div>
        {!empty && (
          <Later>
            <Parts />
          </Later>
        )}
      </div>
      <SelectionBar />
      {overlay}
    </section>
  );
}

/** Whether files are held over the page; those that are dropped are imported. */
function useDrop(): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') === true;
    const onOver = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const onLeave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false);
    };
    const onDrop = (event: DragEvent): void => {
      setOver(false);
      if (event.defaultPrevented || event.dataTransfer === null || !hasFiles(event)) return;
      event.preventDefault();
      void droppedFiles(event.dataTransfer).then((files) => importFiles(files));
    };
    addEventListener('dragover', onOver);
    addEventListener('dragleave', onLeave);
    addEventListener('drop', onDrop);
    return () => {
      removeEventListener('dragover', onOver);
      removeEventListener('dragleave', onLeave);
      removeEventListener('drop', onDrop);
    };
  }, []);
  return over;
}

function Sources() {
  return (
    <div class="row sources">
      <span class="muted">Samples:</span>
      {(Object.keys(SAMPLES) as (keyof typeof SAMPLES)[]).map((name) => (
        <button key={name} type="button" title={SAMPLES[name].summary} onClick={() => takeSamples(name)}>
          {SAMPLES[name].title}
        </button>
      ))}
      <span class="muted">Your own:</span>
      <FileButton text="A folder …" label="Add a folder: each folder in it becomes a class" folder />
      <FileButton text="Files …" label="Add files" />
      <span class="muted hint">or drop them anywhere here</span>
    </div>
  );
}

function History() {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLInputElement && event.target.type === 'text';
      if (typing || event.key.toLowerCase() !== 'z' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      if (event.shiftKey) redo();
      else undo();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return (
    <span class="row history">
      <output class="muted said">{said.value}</output>
      <button
        type="button"
        disabled={undoable.value === undefined}
        title={undoable.value}
        onClick={() => {
          said.value = `Undone: ${undoable.value}`;
          undo();
        }}
      >
        Undo
      </button>
      <button
        type="button"
        disabled={redoable.value === undefined}
        title={redoable.value}
        onClick={() => {
          said.value = `Done again: ${redoable.value}`;
          redo();
        }}
      >
        Redo
      </button>
    </span>
  );
}
