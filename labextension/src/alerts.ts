/** The alerts as this page knows them: live by the stream, filled in with what the server remembers. */

import type { ServerConnection } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';
import { RequestError, request, send } from './request';
import type { IAlert, IAlertBook, IDelivery, IDevice } from './schema';
import type { AlertAction, IAlerts } from './tokens';
import { label } from './words';

/** Alerts that are over and kept here. */
const KEPT = 200;
const LEVELS = ['critical', 'warning', 'info'];

/** All alerts of one server. */
export class AlertBook implements IAlerts, IDisposable {
  /** Asks nothing by itself. */
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  /** Those that fire, the gravest and newest first. */
  get firing(): readonly IAlert[] {
    return this._firing;
  }

  /** Those that are over, newest first. */
  get resolved(): readonly IAlert[] {
    return this._resolved;
  }

  /** Where alerts are sent to, and how that is doing. */
  get deliveries(): readonly IDelivery[] {
    return this._deliveries;
  }

  /** What is wrong with rules or with the history, in words. */
  get problems(): readonly string[] {
    return this._problems;
  }

  /** Whether somebody judges. */
  get enabled(): boolean {
    return this._enabled;
  }

  /** Whether the server has answered. */
  get known(): boolean {
    return this._known;
  }

  /** Why it has not. */
  get trouble(): string {
    return this._trouble;
  }

  /** Something is different now. */
  get changed(): ISignal<AlertBook, void> {
    return this._changed;
  }

  /** Whether this object is disposed. */
  get isDisposed(): boolean {
    return this._disposed;
  }

  /** Take in what the stream says. */
  note(alert: IAlert): void {
    this._stale = true; // an answer that is under way may not know it yet
    this._take(alert);
    this._changed.emit();
  }

  /** Ask the server for all; again where the stream was faster than its answer. */
  async ask(): Promise<void> {
    if (this._asking) {
      return;
    }
    this._asking = true;
    this._stale = false;
    try {
      const answer = (await (await request('alerts', {}, this._settings)).json()) as IAlertBook;
      if (!this._stale) {
        this._fill(answer);
      }
    } catch (error) {
      this._trouble = error instanceof RequestError ? error.words : (error as Error).message;
    }
    this._asking = false;
    this._changed.emit();
    if (this._stale) {
      await this.ask();
    }
  }

  /** Acknowledge or snooze one, or take that back. */
  async act(id: string, action: AlertAction, seconds?: number): Promise<void> {
    const path = `alerts/${encodeURIComponent(id)}`;
    this.note(await send<IAlert>('POST', path, { action, seconds }, this._settings));
  }

  /** Say nothing any more. */
  dispose(): void {
    this._disposed = true;
    Signal.clearData(this);
  }

  private _take(alert: IAlert): void {
    const others = (alerts: readonly IAlert[]): readonly IAlert[] =>
      alerts.filter(one => one.id !== alert.id);
    if (alert.state === 'resolved') {
      this._firing = others(this._firing);
      this._resolved = [alert, ...others(this._resolved)].slice(0, KEPT);
    } else {
      this._firing = [...others(this._firing), alert].sort(byGravity);
    }
  }

  private _fill({ alerts, history, deliveries, enabled, problems }: IAlertBook): void {
    this._enabled = enabled;
    this._problems = problems;
    this._firing = [...alerts].sort(byGravity);
    this._resolved = history;
    this._deliveries = deliveries;
    this._known = true;
    this._trouble = '';
  }

  private readonly _changed = new Signal<AlertBook, void>(this);
  private _firing: readonly IAlert[] = [];
  private _resolved: readonly IAlert[] = [];
  private _deliveries: readonly IDelivery[] = [];
  private _problems: readonly string[] = [];
  private _enabled = true;
  private _known = false;
  private _trouble = '';
  private _asking = false;
  private _stale = false;
  private _disposed = false;
}

function byGravity(one: IAlert, other: IAlert): number {
  return grave(one) - grave(other) || other.fired - one.fired;
}

function grave({ finding }: IAlert): number {
  return LEVELS.indexOf(finding.level ?? 'warning');
}

/** Those that want to be looked at: neither seen nor snoozed, and more than a remark. */
export function calling(alerts: readonly IAlert[], now: number): readonly IAlert[] {
  return alerts.filter(
    alert =>
      alert.acknowledged == null &&
      (alert.snoozed ?? 0) <= now &&
      (alert.finding.level ?? 'warning') !== 'info'
  );
}

/** `GPU 0: Memory nearly full`; without the GPU where the title names it, or it is about none. */
export function titleOf({ finding }: IAlert, devices: readonly IDevice[]): string {
  const device = devices.find(one => one.uuid === finding.uuid);
  return device ? `${label(device)}: ${finding.title}` : finding.title;
}
