/** Buttons that open the dialog for files or for a folder. */
import { useRef } from 'preact/hooks';
import { chosenFiles } from '../../import/dropped.ts';
import { importFiles } from '../../import/importing.ts';

interface FileButtonProps {
  readonly text: string;
  /** What it is for, where the text alone does not say. */
  readonly label?: string;
  readonly folder?: boolean;
  /** The class that they go into; without it, folders decide. */
  readonly into?: string | undefined;
}

export function FileButton({ text, label, folder = false, into }: FileButtonProps) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" aria-label={label} onClick={() => input.current?.click()}>
        {text}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        multiple
        accept={folder ? undefined : 'image/*'}
        {...(folder ? { webkitdirectory: true } : {})}
        onChange={({ currentTarget }) => {
          const files = chosenFiles(currentTarget.files ?? []);
          currentTarget.value = ''; // so that the same can be chosen again
          if (files.length > 0) void importFiles(files, into);
        }}
      />
    </>
  );
}
