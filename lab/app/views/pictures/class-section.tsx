/** A class: its name, ways to add pictures, and its pictures. */
import { useEffect, useState } from 'preact/hooks';
import type { Picture } from '../../../core/spec.ts';
import { droppedFiles } from '../../import/dropped.ts';
import { importFiles } from '../../import/importing.ts';
import { removeClass, renameClass } from './actions.ts';
import { Camera } from './camera.tsx';
import { DrawPad } from './draw-pad.tsx';
import { FileButton } from './file-buttons.tsx';
import { Sheet } from './sheet.tsx';
import { makerOf, toggleMaker, type Maker } from './maker.ts';

export interface ClassSectionProps {
  readonly name: string;
  readonly label: number;
  readonly pictures: readonly Picture[];
}

export function ClassSection({ name, label, pictures }: ClassSectionProps) {
  const [over, setOver] = useState(false);
  const maker = makerOf(name);
  const opener = (which: Maker, text: string) => (
    <button type="button" aria-expanded={maker === which} aria-label={`${text} for ${name}`} onClick={() => toggleMaker(name, which)}>
      {text}
    </button>
  );
  const kept = pictures.filter(({ part }) => part === 'valid').length;
  return (
    <section
      class={`card class-section${over ? ' over' : ''}`}
      aria-label={`Class ${name}`}
      onDragOver={(event) => {
        event.preventDefault();
        event.stopPropagation();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        event.stopPropagation();
        setOver(false);
        if (event.dataTransfer !== null) void droppedFiles(event.dataTransfer).then((files) => importFiles(files, name));
      }}
    >
      <div class="row class-head">
        <NameField name={name} label={label} />
        <span class="muted class-counts">
          {pictures.length - kept} training · {kept} kept aside
        </span>
        <span class="row class-buttons">
          <FileButton text="Files …" label={`Add files to ${name}`} into={name} />
          {opener('camera', 'Camera')}
          {opener('draw', 'Draw')}
          <button type="button" aria-label={`Remove the class ${name}`} onClick={() => removeClass(label)}>
            Remove
          </button>
        </span>
      </div>
      {maker === 'camera' && <Camera className={name} onClose={() => toggleMaker(name, 'camera')} />}
      {maker === 'draw' && <DrawPad className={name} onClose={() => toggleMaker(name, 'draw')} />}
      {pictures.length === 0 ? (
        <p class="muted empty">No pictures yet: drop some here, or take one of the buttons above.</p>
      ) : (
        <Sheet name={name} label={label} pictures={pictures} />
      )}
    </section>
  );
}

/** Takes effect when it is left or Enter is pressed; Escape gives the old name back. */
function NameField({ name, label }: { readonly name: string; readonly label: number }) {
  const [text, setText] = useState(name);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  useEffect(() => {
    setText(name);
    setProblem(undefined);
  }, [name]);
  const commit = (): void => {
    const wrong = renameClass(label, text);
    setProblem(wrong);
    if (wrong !== undefined) setText(name);
  };
  return (
    <span class="class-name">
      <input
        type="text"
        aria-label={`Name of class ${label + 1}`}
        value={text}
        maxLength={60}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onBlur={commit}
        onKeyDown={({ key, currentTarget }) => {
          if (key === 'Enter') currentTarget.blur();
          if (key === 'Escape') setText(name);
        }}
      />
      {problem !== undefined && (
        <span class="error" role="alert">
          {problem}
        </span>
      )}
    </span>
  );
}
