/** Alerts as notifications of JupyterLab: one per alert, with what can be done, gone when it is over. */

import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { calling, titleOf } from './alerts';
import type { IKernelActions } from './kernels';
import type { IAlert } from './schema';
import type { IGpuMon } from './tokens';

/** Where the pages of this browser tell one another what was told. */
const TOLD = 'jupyter-gpumon:told';
/** Alerts remembered there. */
const REMEMBERED = 100;
/** Milliseconds for which what is no danger stays on the screen; the notification centre keeps it. */
const SHORT = 10_000;
/** Notifications on the screen at once: a fault of all GPUs is not to bury the page; the centre has the others. */
const MOST = 3;

/** What notices are made from. */
export interface INoticesOptions {
  readonly gpumon: IGpuMon;
  readonly actions: IKernelActions;
  readonly trans: TranslationBundle;
  /** The server's Unix time at which this page was opened: what fired before is old. */
  readonly since: number;
  readonly onOpen: () => void;
}

/** The notifications of one page. */
export class Notices {
  /** Tells nothing before `update`. */
  constructor(private readonly _options: INoticesOptions) {}

  /** Tell what is new, and take back what is over or was seen. */
  update(): void {
    const { model } = this._options.gpumon;
    const calls = calling(model.alerts.firing, model.now()).filter(alert => this._loud(alert));
    for (const alert of calls) {
      this._tell(alert);
    }
    for (const [id, shown] of this._shown) {
      if (!calls.some(alert => alert.id === id)) {
        this._end(id, shown);
      }
    }
  }

  private _loud({ finding }: IAlert): boolean {
    const { notify } = this._options.gpumon.preferences.current;
    return finding.level === 'critical' || notify === 'warning';
  }

  private _tell(alert: IAlert): void {
    const level = alert.finding.level ?? 'warning';
    const shown = this._shown.get(alert.id);
    if (shown?.level === level) {
      return;
    }
    this._shown.set(alert.id, { level, notification: shown?.notification ?? '' });
    if (shown || this._new(alert, level)) {
      remember(alert.id, level);
      this._shown.set(alert.id, { level, notification: this._show(alert, shown?.notification) });
    }
  }

  /** What fired after the page was opened, or is critical and nobody has seen yet; once for all pages. */
  private _new(alert: IAlert, level: string): boolean {
    const fresh = alert.fired >= this._options.since || level === 'critical';
    return fresh && told()[alert.id] !== level;
  }

  private _show(alert: IAlert, before: string | undefined): string {
    const { finding } = alert;
    const critical = finding.level === 'critical';
    const title = titleOf(alert, this._options.gpumon.model.devices);
    const message = [title, finding.detail].filter(Boolean).join(' — ');
    const type = critical ? 'error' : 'warning';
    const many = !before && this._seen() >= MOST;
    const autoClose = many ? 0 : critical ? false : SHORT;
    const options = { autoClose, actions: this._actions(alert) } as const;
    if (before && Notification.update({ id: before, message, type, ...options })) {
      return before;
    }
    return Notification.emit(message, type, options);
  }

  /** Of ours, as far as they have not been dismissed. */
  private _seen(): number {
    const all = [...this._shown.values()].map(({ notification }) => notification);
    return all.filter(id => id && Notification.manager.has(id)).length;
  }

  private _actions({ finding }: IAlert): Notification.IAction[] {
    const { actions, trans, onOpen } = this._options;
    const { notebook, kernel } = finding;
    const offered: Notification.IAction[] = [{ label: trans.__('Open panel'), callback: onOpen }];
    if (notebook) {
      offered.push({ label: trans.__('Go to notebook'), callback: () => actions.open(notebook) });
    }
    if (kernel && actions.state(kernel)) {
      offered.push({
        label: trans.__('Interrupt kernel'),
        displayType: 'warn',
        callback: () => actions.interrupt(kernel)
      });
    }
    return offered;
  }

  /** Over: that is told in its place. Seen or snoozed: it goes. */
  private _end(id: string, { notification, level }: IShown): void {
    const { model } = this._options.gpumon;
    this._shown.delete(id);
    const over = model.alerts.resolved.find(alert => alert.id === id);
    if (!notification || !Notification.manager.has(notification)) {
      return;
    }
    if (over) {
      const message = this._options.trans.__('Over: %1', titleOf(over, model.devices));
      const autoClose = level === 'critical' ? SHORT / 2 : 0;
      Notification.update({ id: notification, message, type: 'success', autoClose, actions: [] });
    } else {
      Notification.dismiss(notification);
    }
  }

  private readonly _shown = new Map<string, IShown>();
}

interface IShown {
  readonly level: string;
  /** Its id; empty where none was made. */
  readonly notification: string;
}

type Told = Readonly<Record<string, string>>;

function told(): Told {
  return JSON.parse(window.localStorage.getItem(TOLD) ?? '{}') as Told;
}

function remember(id: string, level: string): void {
  const kept = Object.entries({ ...told(), [id]: level }).slice(-REMEMBERED);
  window.localStorage.setItem(TOLD, JSON.stringify(Object.fromEntries(kept)));
}
