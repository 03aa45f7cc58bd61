/** Code or a link, with a button that copies it and says so. */
import { useState } from 'preact/hooks';

interface CopyProps {
  readonly text: string;
  /** What is copied, for those who only hear the button. */
  readonly what: string;
}

export function CopyButton({ text, what }: CopyProps) {
  const [said, say] = useState('Copy');
  const copy = async (): Promise<void> => {
    const done = await copyText(text);
    say(done ? 'Copied' : 'Select it to copy');
    setTimeout(() => say('Copy'), 1600);
  };
  return (
    <button type="button" class="copy" aria-label={`Copy ${what}`} onClick={() => void copy()}>
      <span aria-live="polite">{said}</span>
    </button>
  );
}

/** Pages from a folder have no clipboard in some browsers, but the old command. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.style.position = 'fixed';
    area.style.opacity = '0';
    document.body.append(area);
    area.select();
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way there
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}
