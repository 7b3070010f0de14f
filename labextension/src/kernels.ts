/** Processes as a user thinks of them: by notebook; and what can be done to one's own kernels. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, showDialog } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { KernelAPI } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { insertCode } from './insert';
import type { IProcess } from './schema';

/** All processes of one notebook (or program) on all GPUs. */
export interface IGroup {
  readonly key: string;
  readonly title: string;
  readonly path: string | null;
  readonly kernel: string | null;
  readonly own: boolean;
  /** UUIDs of the GPUs it is on. */
  readonly on: readonly string[];
  readonly count: number;
  readonly memory: number | null;
  /** Of the GPU on which it is busiest. */
  readonly utilization: number | null;
}

/** One's own notebooks first, largest first; what belongs to others in one line. */
export function groups(
  processes: readonly IProcess[],
  trans: TranslationBundle
): readonly IGroup[] {
  const found = new Map<string, IProcess[]>();
  for (const process of processes) {
    const name = groupKey(process);
    found.set(name, [...(found.get(name) ?? []), process]);
  }
  const all = [...found].map(([name, members]) => group(name, members, trans));
  return all.sort((a, b) => Number(b.own) - Number(a.own) || (b.memory ?? 0) - (a.memory ?? 0));
}

function groupKey(process: IProcess): string {
  if (process.kernel) {
    return `kernel ${process.kernel}`;
  }
  return process.pid == null ? 'others' : `pid ${process.pid}`;
}

function group(name: string, members: readonly IProcess[], trans: TranslationBundle): IGroup {
  const [first] = members;
  const path = members.find(member => member.notebook)?.notebook ?? null;
  const pids = new Set(members.map(member => member.pid));
  return {
    key: name,
    title: path
      ? PathExt.basename(path)
      : name === 'others'
        ? trans.__('other users')
        : (first.name ?? trans.__('process %1', first.pid ?? '?')),
    path,
    kernel: first.kernel ?? null,
    own: first.own ?? false,
    on: [...new Set(members.map(member => member.uuid))],
    count:
      name === 'others' ? members.reduce((sum, member) => sum + (member.count ?? 1), 0) : pids.size,
    memory: total(members.map(member => member.memory)),
    utilization: most(members.map(member => member.utilization))
  };
}

function total(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value): value is number => value != null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) : null;
}

function most(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value): value is number => value != null);
  return known.length ? Math.max(...known) : null;
}

/** What the rows of one's own notebooks offer. */
export interface IKernelActions {
  /** `busy`, `idle`, …; null where the kernel is not known here. */
  state(kernel: string): { readonly state: string; readonly since: number } | null;
  open(path: string): void;
  interrupt(kernel: string): void;
  restart(kernel: string, title: string): void;
  shutdown(kernel: string, title: string): void;
  /** Put code into a new cell of the notebook used last; false where none is open. */
  insert(code: string): Promise<boolean>;
}

/** The actions by Jupyter's own managers. */
export class KernelActions implements IKernelActions {
  /** Acts on the kernels of this application's server. */
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _trans: TranslationBundle
  ) {}

  /** What the kernel does, as of the last look of Jupyter's kernel manager. */
  state(kernel: string): { readonly state: string; readonly since: number } | null {
    for (const model of this._app.serviceManager.kernels.running()) {
      if (model.id === kernel && model.execution_state) {
        return {
          state: model.execution_state,
          since: Date.parse(model.last_activity ?? '') / 1000
        };
      }
    }
    return null;
  }

  /** Show the notebook. */
  open(path: string): void {
    void this._app.commands.execute('docmanager:open', { path });
  }

  /** Interrupt what runs. */
  interrupt(kernel: string): void {
    void KernelAPI.interruptKernel(kernel, this._app.serviceManager.serverSettings);
  }

  /** Restart after a question. */
  restart(kernel: string, title: string): void {
    const trans = this._trans;
    const body = trans.__(
      'Restart the kernel of %1? All its variables and its GPU memory will be lost.',
      title
    );
    void this._confirmed(trans.__('Restart kernel?'), body, trans.__('Restart'), () =>
      KernelAPI.restartKernel(kernel, this._app.serviceManager.serverSettings)
    );
  }

  /** Shut down after a question. */
  shutdown(kernel: string, title: string): void {
    const trans = this._trans;
    const body = trans.__(
      'Shut down the kernel of %1? All its variables will be lost; its GPU memory becomes free.',
      title
    );
    void this._confirmed(trans.__('Shut down kernel?'), body, trans.__('Shut down'), () =>
      this._app.serviceManager.kernels.shutdown(kernel)
    );
  }

  /** By the notebook's own command. */
  insert(code: string): Promise<boolean> {
    return insertCode(this._app, code);
  }

  private async _confirmed(
    title: string,
    body: string,
    label: string,
    act: () => Promise<void>
  ): Promise<void> {
    const buttons = [Dialog.cancelButton(), Dialog.warnButton({ label })];
    const answer = await showDialog({ title, body, buttons, defaultButton: 0 });
    if (answer.button.accept) {
      await act();
    }
  }
}
