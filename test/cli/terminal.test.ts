import { describe, expect, it } from 'vitest';
import { duration } from '../../src/cli/format.ts';
import { Terminal, type Sink, type Step } from '../../src/cli/terminal.ts';

function recorder(isTTY: boolean): Sink & { text: string } {
  return {
    text: '',
    isTTY,
    columns: 60,
    write(text: string) {
      this.text += text;
    },
  };
}
const step = (done: number, label = 'Epoch 1/2'): Step => ({ label, done, total: 10, details: [`${done}/10`, '5 s left'] });

describe('Terminal', () => {
  it('draws a bar over itself on a terminal, and takes it away before a line', () => {
    const out = recorder(true);
    const terminal = new Terminal(out);
    terminal.progress(step(5));
    expect(out.text).toBe(`\r\x1b[2KEpoch 1/2 ${'█'.repeat(12)}${'░'.repeat(12)} 5/10  5 s left`);
    terminal.progress(step(6)); // too soon to draw again
    terminal.line('done');
    terminal.line();
    expect(out.text.split('\r\x1b[2K').slice(2)).toEqual(['done\n\n']);
  });

  it('cuts what is too long for the line', () => {
    const out = recorder(true);
    new Terminal(out).progress(step(1, 'x'.repeat(100)));
    expect(out.text).toBe(`\r\x1b[2K${'x'.repeat(59)}`);
  });

  it('writes no escape codes elsewhere, and no progress right at the start', () => {
    const out = recorder(false);
    const terminal = new Terminal(out);
    terminal.progress(step(1));
    terminal.progress(step(2));
    terminal.json({ a: 1 });
    expect(out.text).toBe('{"a":1}\n');
  });
});

describe('duration', () => {
  it.each([
    [0.04, '0.0 s'],
    [9.94, '9.9 s'],
    [9.96, '10 s'],
    [59.4, '59 s'],
    [59.6, '1 min 0 s'],
    [3599.6, '1 h 0 min'],
    [3725, '1 h 2 min'],
  ])('%d is %s', (seconds, expected) => expect(duration(seconds)).toBe(expected));
});
