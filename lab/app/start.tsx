import { render } from 'preact';
import { App } from './app.tsx';
import { prepareProgram } from './program.ts';
import { beginKeeping } from './storage/saving.ts';

void beginKeeping();
render(<App />, document.getElementById('app')!);
// Once the page has been shown: Safari has no requestIdleCallback.
setTimeout(prepareProgram, 1000);
