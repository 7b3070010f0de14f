/**
 * The one socket of this tab: opens again by itself, stays closed while nobody looks, and sends nothing but what it wants.
 *
 * There is no heartbeat: a hub would take it for a user at work.
 */

import { URLExt } from '@jupyterlab/coreutils';
import type { ServerConnection } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { Signal, type ISignal } from '@lumino/signaling';
import { API, RequestError, request } from './request';
import type { IError, IHello, ISample, ISubscribe } from './schema';
import type { IConnection } from './tokens';
import { HISTORY } from './tracks';

/** Whatever the server says. */
export type Message = IHello | ISample | IError;

/** Milliseconds for which a hidden tab keeps its socket, so that a glance elsewhere costs no new connection. */
const GRACE = 2000;
/** Seconds without any message after which a socket is taken for dead. */
const SILENCE = 15;

/** A stream of messages that reconnects; closed while not `wanted` and while the page is hidden. */
export class Client implements IDisposable {
  /** Nothing is opened before something is wanted. */
  constructor(private readonly _settings: ServerConnection.ISettings) {
    this._poll = new Poll({
      auto: false,
      factory: () => this._connect(),
      frequency: { interval: 1000, backoff: true, max: 30_000 },
      name: 'jupyter-gpumon:stream',
      standby: () => !this._active
    });
    document.addEventListener('visibilitychange', this._decide);
  }

  /** Every message, as it comes. */
  get message(): ISignal<Client, Message> {
    return this._message;
  }

  /** How the connection is doing. */
  get connection(): IConnection {
    return this._connection;
  }

  /** The connection opened, closed, was refused or paused. */
  get changed(): ISignal<Client, IConnection> {
    return this._changed;
  }

  /** Whether this object is disposed. */
  get isDisposed(): boolean {
    return this._disposed;
  }

  /** What is wanted of the stream; null closes it. */
  want(subscription: ISubscribe | null): void {
    const before = JSON.stringify(this._wanted);
    this._wanted = subscription;
    if (subscription && JSON.stringify(subscription) !== before) {
      this._subscribe();
    }
    this._decide();
  }

  /** Close for good. */
  dispose(): void {
    this._disposed = true;
    document.removeEventListener('visibilitychange', this._decide);
    window.clearTimeout(this._closing);
    window.clearInterval(this._watchdog);
    this._poll.dispose();
    this._socket?.close();
    Signal.clearData(this);
  }

  private readonly _decide = (): void => {
    window.clearTimeout(this._closing);
    if (this._wanted && !document.hidden) {
      this._open();
    } else if (this._active) {
      this._closing = window.setTimeout(() => this._pause(), GRACE);
    }
  };

  private _open(): void {
    if (!this._active) {
      this._active = true;
      void this._poll.start();
      this._watchdog = window.setInterval(() => this._watch(), 5000);
    }
  }

  private _pause(): void {
    this._active = false;
    void this._poll.stop();
    window.clearInterval(this._watchdog);
    this._socket?.close();
    this._socket = null;
    this._say('paused');
  }

  private _watch(): void {
    const silent = (Date.now() - this._heard) / 1000;
    if (this._connection.state === 'open' && silent > Math.max(SILENCE, 5 * this._interval)) {
      this._socket?.close(); // a suspended machine or a dead proxy never says goodbye
    }
  }

  /** A promise that lasts as long as the socket; rejected, so that the poll backs off, where it never spoke. */
  private _connect(): Promise<void> {
    if (this._connection.state === 'paused') {
      this._say('connecting');
    }
    return new Promise((resolve, reject) => {
      const socket = (this._socket = new this._settings.WebSocket(this._url()));
      let spoke = false;
      socket.onopen = () => this._subscribe();
      socket.onmessage = event => {
        spoke = true;
        this._receive(event.data);
      };
      socket.onclose = () => {
        if (this._socket === socket) {
          this._socket = null;
          this._lost(spoke);
        }
        (spoke ? resolve : reject)();
      };
    });
  }

  private _lost(spoke: boolean): void {
    if (this._connection.state !== 'lost') {
      this._say('lost');
    }
    if (!spoke) {
      void this._ask();
    }
  }

  /** A refused socket does not say why; a plain request does. */
  private async _ask(): Promise<void> {
    try {
      await request('hello', {}, this._settings);
    } catch (error) {
      if (error instanceof RequestError && this._connection.state === 'lost') {
        this._say('lost', error.status === 404 ? 'missing' : error.words);
      }
    }
  }

  private _receive(text: unknown): void {
    this._heard = Date.now();
    const message = JSON.parse(String(text)) as Message;
    if (message.type === 'hello') {
      this._interval = message.interval ?? 1;
    }
    if (this._connection.state !== 'open') {
      this._say('open');
    }
    this._message.emit(message);
  }

  private _subscribe(): void {
    if (this._wanted && this._socket?.readyState === 1) {
      this._socket.send(JSON.stringify(this._wanted));
    }
  }

  private _url(): string {
    const { appendToken, token, wsUrl } = this._settings;
    const url = `${URLExt.join(wsUrl, API, 'stream')}?history=${HISTORY}`;
    return appendToken && token ? `${url}&token=${encodeURIComponent(token)}` : url;
  }

  private _say(state: IConnection['state'], reason = ''): void {
    const since = state === this._connection.state ? this._connection.since : Date.now() / 1000;
    this._connection = { state, since, reason };
    this._changed.emit(this._connection);
  }

  private readonly _poll: Poll<void>;
  private readonly _message = new Signal<Client, Message>(this);
  private readonly _changed = new Signal<Client, IConnection>(this);
  private _connection: IConnection = { state: 'paused', since: 0, reason: '' };
  private _socket: WebSocket | null = null;
  private _wanted: ISubscribe | null = null;
  private _active = false;
  private _disposed = false;
  private _heard = 0;
  private _interval = 1;
  private _closing = 0;
  private _watchdog = 0;
}
