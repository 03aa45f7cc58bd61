/** What is to be known of the pictures before one trains. */
import { pictureAdvice } from '../state/project.ts';

export function AdviceList() {
  return (
    <ul class="advice" aria-live="polite" aria-label="What to know before training">
      {pictureAdvice.value.map(({ level, text }) => (
        <li key={text} class={level}>
          <strong>{level === 'stop' ? 'Cannot train yet:' : 'Good to know:'}</strong> {text}
        </li>
      ))}
    </ul>
  );
}
