/** What the machine says, in words: why a clock is held back, why a number is missing, what is the matter. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDevice, IGpu, IHello, IMetric } from './schema';
import type { IConnection } from './tokens';

/** `GPU 3`, or `GPU 3:1` for a MIG instance. */
export function label(device: IDevice): string {
  return device.instance == null ? `GPU ${device.index}` : `GPU ${device.index}:${device.instance}`;
}

/** The device's name without what every one of them starts with. */
export function shortName(device: IDevice): string {
  return device.name.replace(/^NVIDIA (GeForce |Graphics Device )?/, '');
}

/** An event's words with `gpu0` as the page calls it. */
export function eventWords(text: string): string {
  return text.replace(/^gpu(?=\d)/, 'GPU ');
}

/** Why the clock is where it is; `held` where something keeps it down that is not idleness. */
export function clockWords(
  gpu: IGpu | undefined,
  trans: TranslationBundle
): { readonly text: string; readonly held: boolean } {
  const events = gpu?.clock_events;
  if (!events) {
    return { text: '', held: false };
  }
  const causes = causeNames(trans);
  const held = events.filter(event => event !== 'idle').map(event => causes[event] ?? event);
  if (held.length) {
    return { text: held.join(', '), held: true };
  }
  if (!events.includes('idle')) {
    return { text: trans.__('full clock'), held: false };
  }
  const holds = (gpu?.memory_used ?? 0) > 0.05 * (gpu?.memory_total ?? Infinity);
  return { text: holds ? trans.__('idle, memory held') : trans.__('idle'), held: holds };
}

function causeNames(trans: TranslationBundle): Readonly<Record<string, string>> {
  return {
    power_cap: trans.__('power cap'),
    hw_slowdown: trans.__('hardware slowdown'),
    sync_boost: trans.__('sync boost'),
    thermal: trans.__('heat'),
    hw_thermal: trans.__('heat (hardware)'),
    power_brake: trans.__('power brake'),
    display: trans.__('display clock'),
    board_limit: trans.__('board limit'),
    reliability: trans.__('voltage limit'),
    app_clocks: trans.__('clocks set lower')
  };
}

/** Why a metric of a device has no value. */
export function absence(device: IDevice, metric: string, trans: TranslationBundle): string {
  switch (device.absent?.[metric]) {
    case 'unsupported':
      return trans.__('This GPU does not report it.');
    case 'permission':
      return trans.__('The driver does not let this user read it.');
    case 'mig':
      return trans.__('Not available while MIG is on; see its instances.');
    case 'lost':
      return trans.__('The GPU does not answer.');
    case 'asleep':
      return trans.__('The GPU is asleep and is not woken for a reading.');
    case 'error':
      return trans.__('The driver answered with an error.');
    default:
      return trans.__('Not read yet.');
  }
}

/** The state of a device that is not ok, in a word or two; empty where it is. */
export function stateWords(device: IDevice, trans: TranslationBundle): string {
  switch (device.state ?? 'ok') {
    case 'ok':
      return '';
    case 'lost':
      return trans.__('lost');
    case 'asleep':
      return trans.__('asleep');
    case 'gone':
      return trans.__('gone');
    default:
      return trans.__('not answering');
  }
}

/** A note at the top of a view: what is the matter and what to do. */
export interface INote {
  readonly kind: 'info' | 'warning';
  readonly title: string;
  readonly text: string;
  readonly hint: string;
}

/** What the page has to explain now, the gravest first. */
export function notes(
  hello: IHello | null,
  connection: IConnection,
  version: string,
  trans: TranslationBundle
): readonly INote[] {
  const found = [connectionNote(connection, trans)];
  if (hello && connection.state !== 'lost') {
    found.push(statusNote(hello, trans));
  }
  if (hello?.simulated) {
    found.push(simulatedNote(hello, trans));
  }
  found.push(versionNote(hello, version, trans));
  return found.filter((note): note is INote => note !== null);
}

function connectionNote(connection: IConnection, trans: TranslationBundle): INote | null {
  if (connection.state !== 'lost') {
    return null;
  }
  if (connection.reason === 'missing') {
    return {
      kind: 'warning',
      title: trans.__('Not enabled on the server'),
      text: trans.__('jupyter-gpumon is installed in the browser but not enabled on this server.'),
      hint: 'jupyter server extension enable jupyter_gpumon'
    };
  }
  return {
    kind: 'warning',
    title: trans.__('Disconnected'),
    text:
      connection.reason ||
      trans.__('The server does not answer; what is shown is what was last known.'),
    hint: trans.__(
      'Connecting again by itself; what was missed is filled in where the server has it.'
    )
  };
}

function statusNote(hello: IHello, trans: TranslationBundle): INote | null {
  const { state = 'live', message = '', hint = '' } = hello.status ?? {};
  const titles: Readonly<Record<string, string>> = {
    starting: trans.__('Starting'),
    'no-library': trans.__('No NVIDIA driver'),
    'no-driver': trans.__('No driver'),
    mismatch: trans.__('Driver and library differ'),
    permission: trans.__('No permission'),
    'no-gpus': trans.__('No GPUs'),
    stalled: trans.__('No answer'),
    restarting: trans.__('Starting again'),
    disconnected: trans.__('The source is disconnected')
  };
  if (state === 'live') {
    return null;
  }
  if (state === 'starting') {
    return { kind: 'info', title: titles[state], text: message, hint };
  }
  const more = trans.__('In a terminal, gpumon doctor looks at it all.');
  return {
    kind: 'warning',
    title: titles[state] ?? state,
    text: message,
    hint: [hint, more].filter(Boolean).join(' ')
  };
}

function simulatedNote(hello: IHello, trans: TranslationBundle): INote {
  const said =
    hello.status?.state === 'live' || !hello.status?.state ? (hello.status?.message ?? '') : '';
  return {
    kind: 'info',
    title: trans.__('Simulated GPUs'),
    text: said || trans.__('nothing here is measured (%1).', hello.source || 'sim'),
    hint: hello.status?.hint ?? ''
  };
}

function versionNote(
  hello: IHello | null,
  version: string,
  trans: TranslationBundle
): INote | null {
  if (!hello?.software || hello.software === version) {
    return null;
  }
  return {
    kind: 'warning',
    title: trans.__('Two versions'),
    text: trans.__('The page is jupyter-gpumon %1, the server %2.', version, hello.software),
    hint: trans.__('Reload the page; if this stays, restart the Jupyter server.')
  };
}

/** The line of truth at the bottom, and whether it is good news. */
export function truth(
  hello: IHello | null,
  connection: IConnection,
  paused: boolean,
  trans: TranslationBundle
): { readonly text: string; readonly live: boolean } {
  const state = hello?.status?.state ?? 'live';
  if (connection.state === 'lost') {
    return { text: trans.__('reconnecting since %1', timeOf(connection.since)), live: false };
  }
  if (connection.state !== 'open' || !hello) {
    return { text: trans.__('connecting'), live: false };
  }
  if (state === 'stalled') {
    const since = timeOf(hello.status?.since ?? connection.since);
    return { text: trans.__('not responding since %1', since), live: false };
  }
  if (state !== 'live') {
    return {
      text: state === 'starting' ? trans.__('starting') : trans.__('no GPU numbers'),
      live: false
    };
  }
  if (paused) {
    return { text: trans.__('paused; still recording'), live: false };
  }
  const rate = Number((hello.interval ?? 1).toPrecision(3));
  return {
    text: trans.__(
      '%1, every %2 s',
      hello.simulated ? trans.__('simulated') : trans.__('live'),
      rate
    ),
    live: true
  };
}

/** Whether the numbers shown are the last that were known, and no longer true. */
export function isStale(hello: IHello | null, connection: IConnection): boolean {
  const state = hello?.status?.state ?? 'live';
  return connection.state === 'lost' || !['live', 'starting', 'no-gpus'].includes(state);
}

/** Local time of day. */
export function timeOf(time: number): string {
  return new Date(time * 1000).toTimeString().slice(0, 8);
}

/** A name for each kind of metric, for the picker. */
export function groupOf(metric: IMetric, trans: TranslationBundle): string {
  if (
    /^(ecc|remap|retired|recovery|pcie_replay|nvlink_(crc|replays|recoveries))/.test(metric.name)
  ) {
    return trans.__('Health');
  }
  if (/^(pcie|nvlink|bar1)/.test(metric.name)) {
    return trans.__('Transfers and links');
  }
  switch (metric.unit) {
    case 'ratio':
      return metric.name === 'fan' ? trans.__('Power and heat') : trans.__('Load');
    case 'bytes':
      return trans.__('Memory');
    case 'hertz':
      return trans.__('Clocks');
    case 'watts':
    case 'joules':
    case 'celsius':
      return trans.__('Power and heat');
    default:
      return metric.name.startsWith('held_') ? trans.__('Held back') : trans.__('Other');
  }
}
