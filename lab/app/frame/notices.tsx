/** Sentences that the page says by itself. They lie over the page's end, so that nothing moves. */
import { notices, unsay } from '../state/notices.ts';

export function Notices() {
  return (
    <div class="notices" role="status" aria-label="Messages">
      {notices.value.map(({ topic, level, text, action }) => (
        <p key={topic} class={`card notice ${level}`}>
          <span>
            {level === 'error' && <strong>Attention: </strong>}
            {text}
          </span>
          {action !== undefined && (
            <button
              type="button"
              onClick={() => {
                unsay(topic);
                action.run();
              }}
            >
              {action.text}
            </button>
          )}
          <button type="button" aria-label="Close this message" onClick={() => unsay(topic)}>
            Close
          </button>
        </p>
      ))}
    </div>
  );
}
