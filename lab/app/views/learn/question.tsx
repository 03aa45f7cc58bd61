/** A question: fields for the answers, what is right and wrong, a hint, the worked solution, and the same with other numbers. */
import { useId, useMemo, useState } from 'preact/hooks';
import { verdictOf, type Part, type Question, type QuestionMaker, type Verdict } from '../../../core/learn/question.ts';
import { randomOf } from '../../../core/random.ts';
import { openNetwork } from './open.ts';
import { markSolved, solved } from './progress.ts';
import { Prose } from './prose.tsx';

const SAID: { readonly [V in Verdict]: string } = {
  right: '✓ right',
  wrong: '✗ not yet',
  empty: 'no answer yet',
  unreadable: 'please write a number',
};

interface FieldProps {
  readonly part: Part;
  readonly value: string;
  readonly verdict: Verdict | undefined;
  readonly onInput: (value: string) => void;
}

function Field({ part, value, verdict, onInput }: FieldProps) {
  const id = useId();
  const shared = { id, 'aria-describedby': `${id}-said`, 'aria-invalid': verdict !== undefined && verdict !== 'right' };
  return (
    <div class="answer" data-verdict={verdict}>
      <label for={id}>{part.label}</label>
      {part.kind === 'number' ? (
        <input {...shared} inputMode="text" autocomplete="off" value={value} onInput={(event) => onInput(event.currentTarget.value)} />
      ) : (
        <select {...shared} value={value} onChange={(event) => onInput(event.currentTarget.value)}>
          <option value="">Choose …</option>
          {part.options.map((option, i) => (
            <option key={option} value={String(i)}>
              {option}
            </option>
          ))}
        </select>
      )}
      <span id={`${id}-said`} class="verdict">
        {verdict === undefined ? '' : SAID[verdict]}
      </span>
    </div>
  );
}

function Solution({ question: { worked, network } }: { readonly question: Question }) {
  return (
    <>
      <ol class="worked">
        {worked().map((line, i) => (
          <li key={i}>
            <Prose text={line} />
          </li>
        ))}
      </ol>
      {network !== undefined && (
        <p>
          <button type="button" onClick={() => openNetwork(network, 'build')}>
            Open this network in Build
          </button>
        </p>
      )}
    </>
  );
}

/** What the reader has given for each part of a question, and what was said of it. */
function useAnswers({ parts }: Question, onSolved: () => void) {
  const [given, setGiven] = useState<readonly string[]>([]);
  const [verdicts, setVerdicts] = useState<readonly (Verdict | undefined)[] | undefined>(undefined);
  const answers = parts.map((_, i) => given[i] ?? '');
  const right = verdicts?.filter((verdict) => verdict === 'right').length ?? 0;
  const isWhole = verdicts !== undefined && !verdicts.includes(undefined);
  return {
    answers,
    verdicts,
    summary: !isWhole ? '' : right === verdicts.length ? 'All right!' : `${right} of ${verdicts.length} right`,
    answer: (at: number, value: string): void => {
      setGiven(answers.map((old, i) => (i === at ? value : old)));
      setVerdicts(verdicts?.map((old, i) => (i === at ? undefined : old)));
    },
    check: (): void => {
      const found = parts.map((part, i) => verdictOf(part, answers[i]!));
      setVerdicts(found);
      if (found.every((verdict) => verdict === 'right')) onSolved();
    },
    clear: (): void => {
      setGiven([]);
      setVerdicts(undefined);
    },
  };
}

export function QuestionCard({ question: maker }: { readonly question: QuestionMaker }) {
  const [seed, setSeed] = useState<number | undefined>(undefined);
  const question = useMemo(() => maker.make(seed === undefined ? undefined : randomOf(seed)), [maker, seed]);
  const { answers, verdicts, summary, answer, check, clear } = useAnswers(question, () => markSolved(maker.id));
  const [hint, setHint] = useState(false);
  const [worked, setWorked] = useState(false);
  const id = useId();

  const another = (): void => {
    setSeed((seed ?? 0) + 1 + Math.floor(Math.random() * 1000));
    clear();
    setHint(false);
    setWorked(false);
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    check();
  };
  return (
    <form class="card question" aria-labelledby={id} onSubmit={submit}>
      <h4 id={id}>
        <span>Question: {maker.title}</span>
        {solved.value.has(maker.id) && <span class="done">✓ solved</span>}
      </h4>
      <p>
        <Prose text={question.prompt} />
      </p>
      {question.code.length > 0 && <pre tabindex={0}>{question.code.join('\n')}</pre>}
      <div class="answers">
        {question.parts.map((part, i) => (
          <Field key={`${seed ?? ''} ${i}`} part={part} value={answers[i]!} verdict={verdicts?.[i]} onInput={(value) => answer(i, value)} />
        ))}
      </div>
      <div class="row">
        <button type="submit" class="primary">
          Check
        </button>
        <button type="button" aria-expanded={hint} onClick={() => setHint(!hint)}>
          Hint
        </button>
        <button type="button" aria-expanded={worked} onClick={() => setWorked(!worked)}>
          Worked solution
        </button>
        <button type="button" onClick={another}>
          Another one
        </button>
        <output class="summary">{summary}</output>
      </div>
      {hint && (
        <p class="tip">
          <b>Hint:</b> <Prose text={question.hint} />
        </p>
      )}
      {worked && <Solution question={question} />}
    </form>
  );
}
