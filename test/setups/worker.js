// The program in a worker of its page.
import { serveFunctions } from 'flambeau/train';
import { program } from './program.js';

serveFunctions({ program });
