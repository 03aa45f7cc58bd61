/** Five chapters to read, to try and to answer. The address says which: #learn/training. */
import { useEffect, useState } from 'preact/hooks';
import { CHAPTERS, questionsOf, type Chapter, type Piece } from '../../../core/learn/chapters.ts';
import { LiveFigure } from './figures/figure.tsx';
import { openNetwork } from './open.ts';
import { forgetProgress, solved } from './progress.ts';
import { Prose } from './prose.tsx';
import { QuestionCard } from './question.tsx';

const chapterOf = (): Chapter | undefined => {
  const id = location.hash.split('/')[1];
  return CHAPTERS.find((chapter) => chapter.id === id);
};

function progressOf(chapter: Chapter): { readonly done: number; readonly all: number } {
  const questions = questionsOf(chapter);
  return { done: questions.filter(({ id }) => solved.value.has(id)).length, all: questions.length };
}

function Contents() {
  const done = CHAPTERS.reduce((sum, chapter) => sum + progressOf(chapter).done, 0);
  return (
    <section class="learn">
      <h2>Learn</h2>
      <p class="lead">
        Five chapters on convolutional networks. Each has pictures and numbers to play with and questions that you answer; every figure is
        computed as you look at it.
      </p>
      <ol class="chapters">
        {CHAPTERS.map((chapter, i) => {
          const { done: solvedHere, all } = progressOf(chapter);
          return (
            <li key={chapter.id} class="card">
              <a href={`#learn/${chapter.id}`}>
                <b>
                  {i + 1}. {chapter.title}
                </b>
              </a>
              <span>{chapter.summary}</span>
              <span class="muted">
                <progress value={solvedHere} max={all} aria-label={`Questions solved in chapter ${i + 1}`} /> {solvedHere} of {all}{' '}
                questions solved
              </span>
            </li>
          );
        })}
      </ol>
      {done > 0 && (
        <p>
          <button type="button" onClick={forgetProgress}>
            Begin again: forget what is solved
          </button>
        </p>
      )}
    </section>
  );
}

function PieceView({ piece }: { readonly piece: Piece }) {
  switch (piece.is) {
    case 'heading':
      return <h3>{piece.text}</h3>;
    case 'text':
      return (
        <p>
          <Prose text={piece.text} />
        </p>
      );
    case 'code':
      return <pre tabindex={0}>{piece.lines.join('\n')}</pre>;
    case 'figure':
      return <LiveFigure name={piece.figure} network={piece.network} />;
    case 'question':
      return <QuestionCard question={piece.question} />;
  }
}

function ChapterView({ chapter }: { readonly chapter: Chapter }) {
  const place = CHAPTERS.indexOf(chapter);
  const [before, after] = [CHAPTERS[place - 1], CHAPTERS[place + 1]];
  const { done, all } = progressOf(chapter);
  return (
    <article class="learn chapter">
      <nav aria-label="Chapter">
        <a href="#learn">All chapters</a>
        {before !== undefined && <a href={`#learn/${before.id}`}>← {before.title}</a>}
        {after !== undefined && <a href={`#learn/${after.id}`}>{after.title} →</a>}
      </nav>
      <h2>
        {place + 1}. {chapter.title}
      </h2>
      <p class="lead">{chapter.summary}</p>
      {chapter.pieces.map((piece, i) => (
        <PieceView key={`${chapter.id} ${i}`} piece={piece} />
      ))}
      <section class="card chapter-end" aria-label="Go on">
        <p aria-live="polite">
          {done} of {all} questions of this chapter are solved.
        </p>
        <p>This chapter’s network is “{chapter.network.name}”. Work with it in the laboratory:</p>
        <div class="row">
          <button type="button" class="primary" onClick={() => openNetwork(chapter.network, 'build')}>
            Open it in Build
          </button>
          <button type="button" onClick={() => openNetwork(chapter.network, 'train')}>
            Train it
          </button>
          {after !== undefined && <a href={`#learn/${after.id}`}>Next chapter: {after.title}</a>}
        </div>
      </section>
    </article>
  );
}

export function LearnView() {
  const [chapter, setChapter] = useState(chapterOf);
  useEffect(() => {
    const changed = (): void => {
      setChapter(chapterOf());
      scrollTo(0, 0);
    };
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return chapter === undefined ? <Contents /> : <ChapterView key={chapter.id} chapter={chapter} />;
}
