/** Networks to begin with, as cards. */
import { TEMPLATES, type Template } from '../../../core/templates.ts';
import { network } from '../../state/project.ts';
import { useTemplate as take } from './edits.ts';

function TemplateCard({ template }: { readonly template: Template }) {
  const { title, summary, network: made } = template;
  const chosen = network.value === made;
  return (
    <button type="button" class="template" aria-pressed={chosen} onClick={() => take(template)}>
      <b>{title}</b>
      <span>{summary}</span>
      <small>
        {made.size} × {made.size}, {made.channels === 1 ? 'grey' : 'colour'}, {made.layers.length} blocks
        {chosen ? ' · chosen' : ''}
      </small>
    </button>
  );
}

export function Templates() {
  return (
    <div class="templates">
      {TEMPLATES.map((template) => (
        <TemplateCard key={template.title} template={template} />
      ))}
    </div>
  );
}
