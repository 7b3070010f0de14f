/** `jupyter-gpumon:plugin`: the model and the preferences, for everybody. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { GpuModel } from '../model';
import { PreferenceStore } from '../preferences';
import { IGpuMon } from '../tokens';

const ID = 'jupyter-gpumon:plugin';

/** Provides `IGpuMon`. */
export const core: JupyterFrontEndPlugin<IGpuMon> = {
  id: ID,
  description: 'The GPUs of the Jupyter server: latest readings, history and preferences.',
  autoStart: true,
  provides: IGpuMon,
  optional: [ISettingRegistry],
  activate: async (app: JupyterFrontEnd, registry: ISettingRegistry | null): Promise<IGpuMon> => {
    const preferences = new PreferenceStore();
    if (registry) {
      // Without settings the defaults hold.
      await preferences.follow(registry, ID).catch(() => undefined);
    }
    return { model: new GpuModel(app.serviceManager.serverSettings), preferences };
  }
};
