/** The frame of the laboratory: the six views and how one gets from one to the next. */
import type { ComponentType } from 'preact';
import { Notices } from './frame/notices.tsx';
import { ProjectMenu } from './frame/project-menu.tsx';
import { view, VIEWS, type ViewName } from './state/route.ts';
import { saveState } from './storage/save-state.ts';
import { BuildView } from './views/build/view.tsx';
import { LearnView } from './views/learn/view.tsx';
import { PicturesView } from './views/pictures/view.tsx';
import { SeeView } from './views/see/view.tsx';
import { TakeView } from './views/take/view.tsx';
import { TrainView } from './views/train/view.tsx';

/** Total: a view without a title or a component does not compile. */
const SHOWN: { readonly [V in ViewName]: { readonly title: string; readonly component: ComponentType } } = {
  pictures: { title: 'Pictures', component: PicturesView },
  build: { title: 'Build', component: BuildView },
  train: { title: 'Train', component: TrainView },
  see: { title: 'See', component: SeeView },
  take: { title: 'Take away', component: TakeView },
  learn: { title: 'Learn', component: LearnView },
};

export function App() {
  const { title, component: View } = SHOWN[view.value];
  return (
    <>
      <a class="skip" href="#main">
        To the content
      </a>
      <header class="bar">
        <h1>
          Flambeau <span>laboratory</span>
        </h1>
        <nav aria-label="Views">
          {VIEWS.map((name) => (
            <a key={name} href={`#${name}`} aria-current={name === view.value ? 'page' : undefined}>
              {SHOWN[name].title}
            </a>
          ))}
        </nav>
        <ProjectMenu />
      </header>
      <main id="main" aria-label={title}>
        {saveState.value === 'restoring' ? <p class="muted">Looking for your work …</p> : <View />}
      </main>
      <Notices />
    </>
  );
}
