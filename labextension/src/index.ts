/** GPU monitoring in JupyterLab and Notebook 7. */

import { cells } from './plugins/cells';
import { core } from './plugins/core';
import { panel } from './plugins/panel';
import { status } from './plugins/status';

export * from './tokens';

export default [core, panel, status, cells];
