/** What can be done with the selected pictures; lies over the end of the page while there are some. */
import { classes, pictures } from '../../state/project.ts';
import { PictureView } from '../../ui/picture.tsx';
import { movePictures, putPictures, removePictures } from './actions.ts';
import { selected, selectNone } from './selection.ts';

export function SelectionBar() {
  const ids = selected.value;
  const only = ids.size === 1 ? pictures.value.find(({ id }) => ids.has(id)) : undefined;
  return (
    <div class="selection-place">
      <output class="unseen">{ids.size === 0 ? '' : `${ids.size} selected`}</output>
      {ids.size > 0 && (
        <section class="selection card row" aria-label="Selected pictures">
          {only !== undefined && (
            <span class="selection-preview">
              <PictureView picture={only} />
            </span>
          )}
          <span class="selection-what">
            <strong>{ids.size}</strong> selected
            {only !== undefined && <small class="muted">{only.name}</small>}
          </span>
          <label>
            Move to{' '}
            <select
              value=""
              onChange={({ currentTarget }) => {
                movePictures(ids, Number(currentTarget.value));
                currentTarget.value = '';
              }}
            >
              <option value="" disabled>
                a class …
              </option>
              {classes.value.map((name, label) => (
                <option key={name} value={label}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <button type="button" onClick={() => putPictures(ids, 'train')}>
            To training
          </button>
          <button type="button" onClick={() => putPictures(ids, 'valid')}>
            Keep aside
          </button>
          <button type="button" onClick={() => removePictures(ids)}>
            Delete
          </button>
          <button type="button" onClick={selectNone}>
            Clear selection
          </button>
        </section>
      )}
    </div>
  );
}
