import { SAMPLES } from '../../../core/samples.ts';
import { classes, pictures, replacePictures } from '../../state/project.ts';
import { PictureView } from '../../ui/picture.tsx';

export function PicturesView() {
  return (
    <section>
      <h2>Pictures</h2>
      <p>
        {Object.values(SAMPLES).map((set) => (
          <button key={set.title} type="button" onClick={() => replacePictures(set.classes, set.make(60, 1))}>
            {set.title}
          </button>
        ))}
      </p>
      {classes.value.map((name, label) => (
        <section key={name}>
          <h3>{name}</h3>
          <div class="tiles">
            {pictures.value
              .filter((picture) => picture.label === label)
              .map((picture) => (
                <PictureView key={picture.id} picture={picture} />
              ))}
          </div>
        </section>
      ))}
    </section>
  );
}
