/** Deep copies of modules: `module.clone`. */
import { provideMethods } from '../../tensor/family.ts';
import { deepcopy } from '../deepcopy.ts';

provideMethods('copying', { deepcopy });
