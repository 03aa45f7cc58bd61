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

export function QuestionCard({ question: maker }: { readonly question: QuestionMaker }) {
  const [seed, setSeed] = useState<number | undefined>(undefined);
  const question = useMemo(() => maker.make(seed === undefined ? undefined : randomOf(seed)), [maker, seed]);
  const [given, setGiven] = useState<readonly string[]>([]);
  const [verdicts, setVerdicts] = useState<readonly (Verdict | undefined)[] | undefined>(undefined);
  const [hint, setHint] = useState(false);
  const [worked, setWorked] = useState(false);
  const id = useId();
  const all = question.parts.map((_, i) => given[i] ?? '');

  const check = (event: Event): void => {
    event.preventDefault();
    const found = question.parts.map((part, i) => verdictOf(part, all[i]!));
    setVerdicts(found);
    if (found.every((verdict) => verdict === 'right')) markSolved(maker.id);
  };
  const another = (): void => {
    setSeed((seed ?? 0) + 1 + Math.floor(Math.random() * 1000));
    setGiven([]);
    setVerdicts(undefined);
    setHint(false);
    setWorked(false);
  };
  const right = verdicts?.filter((verdict) => verdict === 'right').length ?? 0;
  const summary =
    verdicts === undefined || verdicts.includes(undefined)
      ? ''
      : right === verdicts.length
        ? 'All right!'
        : `${right} of ${verdicts.length} right`;
  return (
    <form class="card question" aria-labelledby={id} onSubmit={check}>
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
          <Field
            key={`${seed ?? ''} ${i}`}
            part={part}
            value={all[i]!}
            verdict={verdicts?.[i]}
            onInput={(value) => {
              setGiven(all.map((old, j) => (j === i ? value : old)));
              setVerdicts(verdicts?.map((old, j) => (j === i ? undefined : old)));
            }}
          />
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
