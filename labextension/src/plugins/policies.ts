/** `jupyter-gpumon:policies`: what the server's policies are about to do, with a button that stops it. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { Countdowns } from '../countdown';
import { request } from '../request';
import type { IAction } from '../schema';
import { IGpuMon, type IDemand, type IHappening } from '../tokens';

/** Events come with the stream, whatever else is wanted of it. */
const DEMAND: IDemand = { range: 60, metrics: [], values: [], processes: false, host: false };

/** The answer of `gpumon/api/policies`, as far as it is used here. */
interface IAnswer {
  readonly policies: readonly unknown[];
  readonly actions: readonly IAction[];
}

/** Follows the policies where the server has any; what shows them is loaded with the first. */
export const policies: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpumon:policies',
  description: 'Countdowns of policies.',
  autoStart: true,
  requires: [IGpuMon],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, { model }: IGpuMon, translator: ITranslator | null): void => {
    const trans = (translator ?? nullTranslator).load('jupyter_gpumon');
    const settings = app.serviceManager.serverSettings;
    let countdowns: Promise<Countdowns> | null = null;
    const note = async (action: IAction): Promise<void> => {
      countdowns ??= import('../countdown').then(
        ({ Countdowns }) => new Countdowns({ trans, settings, now: () => model.now() })
      );
      (await countdowns).note(action);
    };
    const follow = ({ policies, actions }: IAnswer): void => {
      if (policies.length) {
        model.watch(DEMAND);
        actions.filter(({ state }) => state === undefined).forEach(action => void note(action));
        let opened: number | null = null;
        let seen: readonly IHappening[] = [];
        model.ticked.connect(() => {
          const since = (opened ??= model.now());
          const fresh = model.happenings.filter(one => !seen.includes(one));
          seen = model.happenings;
          for (const { event } of fresh) {
            if (event.action && event.time >= since) {
              void note(event.action);
            }
          }
        });
      }
    };
    // Without an answer there is no countdown; the panel says what is the matter with the server.
    request('policies', {}, settings)
      .then(async answer => follow((await answer.json()) as IAnswer))
      .catch(() => undefined);
  }
};
