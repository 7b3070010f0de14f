/** GPU monitoring in JupyterLab and Notebook 7. */

import { alerts } from './plugins/alerts';
import { cells } from './plugins/cells';
import { core } from './plugins/core';
import { panel } from './plugins/panel';
import { policies } from './plugins/policies';
import { status } from './plugins/status';

export * from './tokens';

export default [core, panel, status, cells, alerts, policies];
