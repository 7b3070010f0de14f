/** `jupyter-gpumon:alerts`: a notification for each new alert. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs } from '../commands';
import { KernelActions } from '../kernels';
import type { Notices } from '../notices';
import { IGpuMon, type IDemand, type IWatch } from '../tokens';

/** Events come with the stream, whatever else is wanted of it. */
const DEMAND: IDemand = { range: 60, metrics: [], values: [], processes: false, host: false };

/** Follows the alerts while the user wants to be told; what tells them is loaded with the first. */
export const alerts: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpumon:alerts',
  description: 'Notifications of alerts.',
  autoStart: true,
  requires: [IGpuMon],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, gpumon: IGpuMon, translator: ITranslator | null): void => {
    const { model, preferences } = gpumon;
    const trans = (translator ?? nullTranslator).load('jupyter_gpumon');
    const actions = new KernelActions(app, trans);
    const onOpen = (): void => void app.commands.execute(CommandIDs.show, { tab: 'alerts' });
    let watch: IWatch | null = null;
    let opened: number | null = null;
    let notices: Promise<Notices> | null = null;
    const tell = async (): Promise<void> => {
      const since = (opened ??= model.now());
      if (watch && (notices || model.alerts.firing.length)) {
        notices ??= import('../notices').then(
          ({ Notices }) => new Notices({ gpumon, actions, trans, since, onOpen })
        );
        (await notices).update();
      }
    };
    const follow = (): void => {
      const wanted = preferences.current.notify !== 'off';
      if (wanted !== (watch !== null)) {
        watch?.dispose();
        watch = wanted ? model.watch(DEMAND) : null;
      }
    };
    model.alerts.changed.connect(() => void tell());
    preferences.changed.connect(follow);
    follow();
  }
};
