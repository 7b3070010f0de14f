/** What policies are about to do and have done, as notifications of JupyterLab: a countdown with a button that stops it. */

import { Notification } from '@jupyterlab/apputils';
import type { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { send } from './request';
import type { IAction } from './schema';

/** Milliseconds for which what is no surprise stays on the screen; the notification centre keeps it. */
const SHORT = 10_000;
/** What a user whose kernel it was has to find when coming back. */
const GRAVE = ['interrupt', 'stop', 'pause', 'power-limit'];

/** What countdowns are made from. */
export interface ICountdownsOptions {
  readonly trans: TranslationBundle;
  readonly settings: ServerConnection.ISettings;
  /** The server's Unix time. */
  readonly now: () => number;
}

/** The notifications of one page. */
export class Countdowns implements IDisposable {
  /** Shows nothing before `note`. */
  constructor(private readonly _options: ICountdownsOptions) {}

  /** Whether this object is disposed. */
  get isDisposed(): boolean {
    return this._disposed;
  }

  /** Show an action as it is now; the same state a second time changes nothing. */
  note(action: IAction): void {
    const shown = this._shown.get(action.id);
    const state = stateOf(action);
    if (this._disposed || (shown && stateOf(shown.action) === state)) {
      return;
    }
    const notification = this._show(action, shown?.notification);
    this._shown.set(action.id, { action, notification, again: Boolean(shown) });
    this._clock ??= state === 'waiting' ? window.setInterval(() => this._tick(), 1000) : null;
  }

  /** Take all countdowns off the page; on the server they go on. */
  dispose(): void {
    this._disposed = true;
    this._stop();
  }

  private _show(action: IAction, before: string | undefined): string {
    if (before && this._update(action, before)) {
      return before;
    }
    return Notification.emit(this._message(action), typeOf(action), this._look(action));
  }

  /** False where it was dismissed. */
  private _update(action: IAction, id: string): boolean {
    const message = this._message(action);
    return Notification.update({ id, message, type: typeOf(action), ...this._look(action) });
  }

  private _look(action: IAction): Notification.IOptions<never> {
    const waiting = stateOf(action) === 'waiting';
    return {
      autoClose: waiting || lasting(action) ? false : SHORT,
      actions: waiting ? [this._cancel(action)] : []
    };
  }

  private _cancel({ id }: IAction): Notification.IAction {
    const { settings, trans } = this._options;
    return {
      label: trans.__('Cancel'),
      caption: trans.__('Let the policy do nothing about this alert'),
      displayType: 'warn',
      callback: event => {
        event.preventDefault(); // what came of it is said in the same place
        send<IAction>('POST', `policies/${id}/cancel`, {}, settings).then(
          action => this.note(action),
          (error: Error) => Notification.error(error.message)
        );
      }
    };
  }

  private _message(action: IAction): string {
    const { trans, now } = this._options;
    const { policy, what = '', cause = '', result = '', by = '' } = action;
    const left = Math.max(0, Math.ceil((action.due ?? 0) - now()));
    const said: Record<string, string> = {
      waiting: trans.__('Policy %1 in %2 s: %3', policy, left, what),
      cancelled: trans.__('Policy %1, cancelled by %2: %3', policy, by, what),
      over: trans.__('Policy %1, not needed any more: %2', policy, what),
      refused: trans.__('Policy %1, refused: %2', policy, what),
      failed: trans.__('Policy %1, failed: %2', policy, what),
      undone: trans.__('Policy %1, undone: %2', policy, what),
      'dry-run': trans.__('Policy %1, only a dry run: %2', policy, what)
    };
    if (action.do === 'notify' && !result && stateOf(action) === 'done') {
      return trans.__('Policy %1: %2', policy, cause); // that is all it has to say
    }
    const head = said[stateOf(action)] ?? trans.__('Policy %1, done: %2', policy, what);
    return [head, result, cause].filter(Boolean).join(' — ');
  }

  /**
   * Count down; without a countdown the clock stands still. How one ended is said twice: JupyterLab draws updates of
   * the same moment in any order, and the last second of the countdown would stay.
   */
  private _tick(): void {
    const shown = [...this._shown.values()];
    const waiting = shown.filter(({ action }) => stateOf(action) === 'waiting');
    for (const { action, notification } of waiting) {
      Notification.update({ id: notification, message: this._message(action) });
    }
    for (const one of shown.filter(({ again }) => again)) {
      one.again = false;
      this._update(one.action, one.notification);
    }
    if (!waiting.length) {
      this._stop();
    }
  }

  private _stop(): void {
    window.clearInterval(this._clock ?? undefined);
    this._clock = null;
  }

  private readonly _shown = new Map<string, IShown>();
  private _clock: number | null = null;
  private _disposed = false;
}

interface IShown {
  readonly action: IAction;
  readonly notification: string;
  /** Whether it is to be said once more. */
  again: boolean;
}

function stateOf({ state = 'waiting' }: IAction): string {
  return state;
}

function lasting(action: IAction): boolean {
  return stateOf(action) === 'failed' || (stateOf(action) === 'done' && GRAVE.includes(action.do));
}

function typeOf(action: IAction): 'error' | 'success' | 'info' | 'warning' {
  const state = stateOf(action);
  if (state === 'failed') {
    return 'error';
  }
  return ['cancelled', 'over', 'undone'].includes(state) ? 'success' : 'warning';
}
