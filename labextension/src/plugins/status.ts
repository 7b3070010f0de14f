/** `jupyter-gpumon:status`: the busiest GPU in the status bar. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { CommandIDs } from '../commands';
import { IGpuMon } from '../tokens';
import { StatusItem } from '../ui/status';

/** Adds the item, and takes it away when the setting says so. */
export const status: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpumon:status',
  description: 'The busiest GPU in the status bar.',
  autoStart: true,
  requires: [IGpuMon],
  optional: [ITranslator, IStatusBar],
  activate: (
    app: JupyterFrontEnd,
    gpumon: IGpuMon,
    translator: ITranslator | null,
    bar: IStatusBar | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('jupyter_gpumon');
    let shown: IDisposable | null = null;
    const update = (): void => {
      const wanted = gpumon.preferences.current.statusBar;
      if (wanted && !shown && bar) {
        const item = new StatusItem(
          gpumon.model,
          trans,
          () => void app.commands.execute(CommandIDs.show)
        );
        shown = bar.registerStatusItem('jupyter-gpumon:status', { item, align: 'left', rank: 100 });
      } else if (!wanted && shown) {
        shown.dispose();
        shown = null;
      }
    };
    gpumon.preferences.changed.connect(update);
    update();
  }
};
