/** The GPUs as this tab knows them: the latest readings, their history, and what all visible views together want. */

import type { ServerConnection } from '@jupyterlab/services';
import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';
import { AlertBook } from './alerts';
import { Bands } from './bands';
import { Client, type Message } from './client';
import { Happenings } from './happenings';
import { Rates, type IWindow } from './history';
import { request } from './request';
import {
  HOST_METRICS,
  METRICS,
  type ICell,
  type IColumns,
  type IDevice,
  type IGpu,
  type IHello,
  type IHost,
  type IProcess,
  type ISample
} from './schema';
import type { IBand, IConnection, IDemand, IGpuModel, IHappening, IWatch } from './tokens';
import { POINTS, Tracks, grown, held } from './tracks';

/** The model behind every view of this tab. */
export class GpuModel implements IGpuModel, IDisposable {
  /** Nothing is asked of the server before something watches. */
  constructor(private readonly _settings: ServerConnection.ISettings) {
    this.alerts = new AlertBook(_settings);
    this._client = new Client(_settings);
    this._client.message.connect((_, message) => this._receive(message));
    this._client.changed.connect((_, connection) => this._connected(connection));
  }

  /** The alerts of this server. */
  readonly alerts: AlertBook;

  /** Who speaks; null before the first message. */
  get hello(): IHello | null {
    return this._hello;
  }

  /** How the stream is doing. */
  get connection(): IConnection {
    return this._client.connection;
  }

  /** Boards by index, each followed by its MIG instances. */
  get devices(): readonly IDevice[] {
    return this._devices;
  }

  /** The latest reading by UUID; counters as growth per second. */
  get gpus(): ReadonlyMap<string, IGpu> {
    return this._gpus;
  }

  /** The host's latest reading; counters as growth per second. */
  get host(): IHost | null {
    return this._host;
  }

  /** Processes on the GPUs, as of the last look. */
  get processes(): readonly IProcess[] {
    return this._processes;
  }

  /** Measured cells, oldest first. */
  get bands(): readonly IBand[] {
    return this._bands.all;
  }

  /** What happened lately, oldest first. */
  get happenings(): readonly IHappening[] {
    return this._happenings.all;
  }

  /** Another number whenever history was filled in, or its devices changed. */
  get revision(): number {
    return this._revision;
  }

  /** Once per sample, and once a second while there are none. */
  get ticked(): ISignal<GpuModel, void> {
    return this._ticked;
  }

  /** Whether this object is disposed. */
  get isDisposed(): boolean {
    return this._client.isDisposed;
  }

  /** The server's Unix time: of the last sample, going on while nothing comes. */
  now(): number {
    const waited = (performance.now() - this._received) / 1000;
    const late = waited > 2.5 * (this._hello?.interval ?? 1) ? waited : 0;
    return this._time === null ? Date.now() / 1000 : this._time + late;
  }

  /** A metric over a stretch of time, at the resolution of `range`. */
  window(metric: string, range: number, from: number, to: number): IWindow {
    return this._tracks.window(metric, range, from, to);
  }

  /** Take part in what is asked of the server. */
  watch(demand: IDemand): IWatch {
    const place = Symbol('view');
    const update = (wanted: IDemand): void => {
      this._demands.set(place, wanted);
      this._want();
    };
    update(demand);
    const end = new DisposableDelegate(() => {
      this._demands.delete(place);
      this._want();
    });
    return Object.assign(end, { update });
  }

  /** Close the stream. */
  dispose(): void {
    window.clearInterval(this._clock);
    this._client.dispose();
    this.alerts.dispose();
    Signal.clearData(this);
  }

  private _want(): void {
    const demands = [...this._demands.values()];
    if (!demands.length) {
      this._client.want(null);
      return;
    }
    const fresh = this._tracks.keep(demands);
    if (this.connection.state === 'open') {
      fresh.forEach((metrics, range) => void this._backfill(range, metrics));
    }
    const metrics = demands.flatMap(demand => [...demand.metrics, ...demand.values]);
    this._client.want({
      type: 'subscribe',
      metrics: [...new Set(metrics)].sort(),
      processes: demands.some(demand => demand.processes),
      host: demands.some(demand => demand.host)
    });
  }

  /** Fill tracks from the server's history. */
  private async _backfill(range: number, metrics: readonly string[]): Promise<void> {
    const step = Math.max(range / POINTS, this._hello?.interval ?? 1);
    const query = { since: this.now() - range, step, metrics: metrics.join(',') };
    try {
      const answer = await request('samples', query, this._settings);
      this._tracks.fill((await answer.json()) as IColumns, range, metrics);
      this._revision += 1;
      this._ticked.emit();
    } catch {
      // What was before stays unknown; the charts go on from here.
    }
  }

  private _receive(message: Message): void {
    this._received = performance.now();
    if (message.type === 'hello') {
      this._greet(message);
    } else if (message.type === 'sample') {
      this._push(message);
    } else {
      return; // an error answers what we sent, and unknown types are for newer versions
    }
    this._ticked.emit();
  }

  private _greet(hello: IHello): void {
    if (hello.boot_id !== this._hello?.boot_id || hello.generation !== this._hello?.generation) {
      this._rates.clear();
    }
    this._hello = hello;
    this._revision += 1;
    this._devices = [...(hello.devices ?? [])].sort(byPlace);
    const present = new Set(this._devices.map(device => device.uuid));
    this._gpus = new Map([...this._gpus].filter(([uuid]) => present.has(uuid)));
    this._happenings.fill((hello.events ?? []).filter(event => !event.alert));
    if (hello.history) {
      this._catchUp(hello.history);
    }
  }

  /** A new connection: what its history holds, and the rest by request. */
  private _catchUp(history: IColumns): void {
    this._time = history.time.length ? Math.max(...history.time, this._time ?? 0) : this._time;
    this._tracks.catchUp(history).forEach((metrics, range) => void this._backfill(range, metrics));
    void this._askCells();
    void this.alerts.ask();
  }

  /** The clock was set back: the server's history has moved with it. */
  private _refill(): void {
    const nothing: IColumns = { time: [], step: 1, gpus: {} };
    this._tracks.catchUp(nothing).forEach((metrics, range) => void this._backfill(range, metrics));
  }

  private async _askCells(): Promise<void> {
    try {
      const answer = await request('cells', {}, this._settings);
      this._bands.fill(((await answer.json()) as { readonly cells: readonly ICell[] }).cells);
    } catch {
      // Cells measured before this page was opened stay undrawn.
    }
  }

  private _push(sample: ISample): void {
    if (sample.gpus?.length || sample.host) {
      const setBack = sample.time < (this._time ?? 0) - 1;
      this._time = sample.time;
      if (setBack) {
        this._refill();
      }
    }
    for (const gpu of sample.gpus ?? []) {
      const reading = grown(gpu, METRICS, gpu.uuid, sample.mono, this._rates);
      this._gpus.set(gpu.uuid, held(reading, this._gpus.get(gpu.uuid)));
    }
    if (sample.gpus?.length) {
      this._tracks.push(sample.time, this._hello?.interval ?? 1, this._gpus);
    }
    if (sample.host) {
      this._host = grown(sample.host, HOST_METRICS, 'host', sample.mono, this._rates);
    }
    this._processes = sample.processes ?? this._processes;
    for (const event of sample.events ?? []) {
      if (event.alert) {
        this.alerts.note(event.alert);
      } else {
        (event.kind === 'cell' ? this._bands : this._happenings).note(event);
      }
    }
  }

  /** While nothing comes, time goes on all the same, so that the gap is seen to grow. */
  private _connected(connection: IConnection): void {
    window.clearInterval(this._clock);
    const open = connection.state === 'open';
    if (this._open && !open) {
      this._tracks.cut();
    }
    this._open = open;
    if (connection.state === 'lost') {
      this._clock = window.setInterval(() => this._ticked.emit(), 1000);
    }
    this._ticked.emit();
  }

  private readonly _client: Client;
  private readonly _ticked = new Signal<GpuModel, void>(this);
  private readonly _demands = new Map<symbol, IDemand>();
  private readonly _tracks = new Tracks();
  private readonly _rates = new Rates();
  private _hello: IHello | null = null;
  private _devices: readonly IDevice[] = [];
  private _gpus = new Map<string, IGpu>();
  private _host: IHost | null = null;
  private _processes: readonly IProcess[] = [];
  private readonly _bands = new Bands();
  private readonly _happenings = new Happenings();
  private _time: number | null = null;
  private _received = 0;
  private _revision = 0;
  private _clock = 0;
  private _open = false;
}

function byPlace(one: IDevice, other: IDevice): number {
  return one.index - other.index || (one.instance ?? -1) - (other.instance ?? -1);
}
