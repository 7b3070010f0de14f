/** The types that the parts of the extension share, and the token other extensions may ask for. */

import type { ISignal } from '@lumino/signaling';
import type { IDisposable } from '@lumino/disposable';
import { Token } from '@lumino/coreutils';
import type { EnergyUnit } from './energy';
import type { IWindow } from './history';
import type { IAlert, IDelivery, IDevice, IEvent, IGpu, IHello, IHost, IProcess } from './schema';

/** What a view needs while it is visible; the stream carries no more than all views together need. */
export interface IDemand {
  /** Seconds shown. */
  readonly range: number;
  /** Metrics drawn over time. */
  readonly metrics: readonly string[];
  /** Metrics shown as numbers only. */
  readonly values: readonly string[];
  readonly processes: boolean;
  readonly host: boolean;
}

/** A view's place in the model; dispose it when the view is hidden. */
export interface IWatch extends IDisposable {
  /** Want something else from now on. */
  update(demand: IDemand): void;
}

/** How the stream is doing, as this tab sees it. */
export interface IConnection {
  readonly state: 'paused' | 'connecting' | 'open' | 'lost';
  /** Unix seconds since when. */
  readonly since: number;
  /** What the server answered when it refused, in words. */
  readonly reason: string;
}

/** A stretch of time with a name, drawn behind the charts: a cell that was measured. */
export interface IBand {
  readonly from: number;
  readonly to: number;
  readonly title: string;
}

/** Something that happened, and how often in a row. */
export interface IHappening {
  readonly event: IEvent;
  readonly count: number;
}

/** What can be said about an alert that fires. */
export type AlertAction = 'acknowledge' | 'unacknowledge' | 'snooze' | 'unsnooze';

/** The alerts: live by the stream, and what the server remembers of them. */
export interface IAlerts {
  /** Those that fire, the gravest and newest first; another array after each change. */
  readonly firing: readonly IAlert[];
  /** Those that are over, newest first. */
  readonly resolved: readonly IAlert[];
  readonly deliveries: readonly IDelivery[];
  /** What is wrong with rules or with the history, in words. */
  readonly problems: readonly string[];
  /** Whether somebody judges: the server's configuration may have alerts off. */
  readonly enabled: boolean;
  /** Whether the server has answered. */
  readonly known: boolean;
  /** Why it has not; empty where it has. */
  readonly trouble: string;
  readonly changed: ISignal<IAlerts, void>;
  /** Ask the server for all of them. */
  ask(): Promise<void>;
  /** Say something about one; snoozing takes seconds. Rejects with what the server said. */
  act(id: string, action: AlertAction, seconds?: number): Promise<void>;
}

/** What is known about the GPUs of the server, kept current while something watches. */
export interface IGpuModel {
  readonly alerts: IAlerts;
  readonly hello: IHello | null;
  readonly connection: IConnection;
  readonly devices: readonly IDevice[];
  /** The latest reading of each device by UUID; counters as growth per second. */
  readonly gpus: ReadonlyMap<string, IGpu>;
  readonly host: IHost | null;
  readonly processes: readonly IProcess[];
  readonly bands: readonly IBand[];
  /** What happened lately, oldest first. */
  readonly happenings: readonly IHappening[];
  /** Another number whenever history was filled in, or its devices changed. */
  readonly revision: number;
  /** Emitted once per sample, and once a second while there are none. */
  readonly ticked: ISignal<IGpuModel, void>;
  /** The server's Unix time, going on while nothing comes. */
  now(): number;
  /** History of a metric; of counters, their growth per second. */
  window(metric: string, range: number, from: number, to: number): IWindow;
  watch(demand: IDemand): IWatch;
}

/** The tabs of a view. */
export type Tab = 'now' | 'energy' | 'runs' | 'alerts' | 'health' | 'advice' | 'links';

/** What the user has set. */
export interface IPreferences {
  readonly side: 'left' | 'right';
  readonly range: number;
  readonly metrics: readonly string[];
  readonly cards: number;
  readonly statusBar: boolean;
  readonly energyUnit: EnergyUnit;
  /** Which tab a view opens with. */
  readonly tab: Tab;
  /** From which level on a new alert is told in a notification. */
  readonly notify: 'off' | 'critical' | 'warning';
}

/** The preferences now, with a signal. */
export interface IPreferenceStore {
  readonly current: IPreferences;
  readonly changed: ISignal<IPreferenceStore, IPreferences>;
  /** Keep another choice. */
  set<K extends keyof IPreferences>(name: K, value: IPreferences[K]): void;
}

/** The GPUs of this server and what the user wants to see of them. */
export interface IGpuMon {
  readonly model: IGpuModel;
  readonly preferences: IPreferenceStore;
}

/** Ask for this token to read the GPUs from another extension. */
export const IGpuMon = new Token<IGpuMon>(
  'jupyter-gpumon:IGpuMon',
  'The GPUs of the Jupyter server: latest readings, history and preferences.'
);
