/** Adds a class by its name. */
import { useState } from 'preact/hooks';
import { addClass } from './actions.ts';

export function NewClass() {
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<string | undefined>(undefined);
  return (
    <form
      class="row new-class"
      onSubmit={(event) => {
        event.preventDefault();
        const wrong = addClass(text);
        setProblem(wrong);
        if (wrong === undefined) setText('');
      }}
    >
      <input
        type="text"
        aria-label="Name of a new class"
        placeholder="Name of a new class"
        maxLength={60}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
      <button type="submit">Add a class</button>
      {problem !== undefined && (
        <span class="error" role="alert">
          {problem}
        </span>
      )}
    </form>
  );
}
