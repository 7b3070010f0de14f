/** What the charts show, as a file. */

import type { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { isLight, strokeOf } from './palette';
import { request } from './request';
import type { IDevice } from './schema';
import { label, shortName, timeOf } from './words';

/** Told to a chart's element: draw what is latest, though nobody sees it. */
export const DRAW = 'gpumon:draw';

/** What a file has to say of itself: which GPUs, when, and whether they are real. */
export interface ISubject {
  readonly devices: readonly IDevice[];
  readonly simulated: boolean;
  /** Unix seconds. */
  readonly from: number;
  readonly to: number;
}

/** Save the metrics of a stretch of time as CSV, at the server's own resolution. */
export async function saveCsv(
  metrics: readonly string[],
  subject: ISubject,
  settings: ServerConnection.ISettings
): Promise<void> {
  const { from, to } = subject;
  const query = { since: from, until: to, metrics: metrics.join(','), format: 'csv' };
  const answer = await request('samples', query, settings);
  const text = told(await answer.text(), subject);
  save(new Blob([text], { type: 'text/csv' }), `gpus-${stamp(from)}.csv`);
}

/** The server's CSV with each GPU's number beside its UUID, the time in ISO 8601, and whether it is simulated. */
function told(csv: string, { devices, simulated }: ISubject): string {
  const names = new Map(devices.map(device => [device.uuid, label(device)]));
  const [head, ...rows] = csv.trimEnd().split('\n');
  const columns = head
    .split(',')
    .slice(1)
    .map(column => {
      const at = column.lastIndexOf('.');
      const name = names.get(column.slice(0, at));
      return name ? `${name} (${column.slice(0, at)})${column.slice(at)}` : column;
    });
  const lines = rows.map(row => {
    const [time, ...values] = row.split(',');
    return [time, new Date(Number(time) * 1000).toISOString(), simulated, ...values].join();
  });
  return [['time', 'time_iso', 'simulated', ...columns].join(), ...lines, ''].join('\n');
}

/** Save the charts below `root` with date, time and legend as a picture on the theme's ground. */
export async function savePng(
  root: HTMLElement,
  subject: ISubject,
  trans: TranslationBundle
): Promise<void> {
  const charts = [...root.querySelectorAll<HTMLElement>('.jp-GpuMon-chart')];
  charts.forEach(chart => chart.querySelector('.jp-GpuMon-plot')?.dispatchEvent(new Event(DRAW)));
  await new Promise(drawn => window.setTimeout(drawn)); // a chart draws once its data is complete
  const pictures = charts.map(chart => ({
    title: chart.querySelector('figcaption')?.textContent ?? '',
    canvas: chart.querySelector<HTMLCanvasElement>('.uplot canvas')
  }));
  const blob = await compose(pictures, subject, getComputedStyle(root), trans);
  if (blob) {
    save(blob, `gpus-${stamp(subject.from)}.png`);
  }
}

interface IPicture {
  readonly title: string;
  readonly canvas: HTMLCanvasElement | null;
}

function compose(
  pictures: readonly IPicture[],
  subject: ISubject,
  style: CSSStyleDeclaration,
  trans: TranslationBundle
): Promise<Blob | null> {
  const ratio = window.devicePixelRatio || 1;
  const [head, margin] = [22 * ratio, 10 * ratio];
  const heights = pictures.map(({ canvas }) => (canvas?.height ?? 0) + head);
  const sheet = document.createElement('canvas');
  const legend = subject.devices.length * 16 * ratio;
  sheet.width =
    Math.max(380 * ratio, ...pictures.map(({ canvas }) => canvas?.width ?? 0)) + 2 * margin;
  sheet.height = heights.reduce((sum, height) => sum + height, 2 * margin + head + legend);
  const context = sheet.getContext('2d');
  if (context) {
    context.fillStyle = style.getPropertyValue('--jp-layout-color1').trim() || '#fff';
    context.fillRect(0, 0, sheet.width, sheet.height);
    context.fillStyle = style.getPropertyValue('--jp-ui-font-color1').trim() || '#000';
    context.font = `${12 * ratio}px ${style.fontFamily}`;
    context.fillText(titleOf(subject, trans), margin, margin + 12 * ratio);
    drawLegend(context, subject.devices, margin, margin + head, ratio);
    let top = margin + head + legend;
    pictures.forEach(({ title, canvas }, at) => {
      context.fillText(title, margin, top + 14 * ratio);
      if (canvas) {
        context.drawImage(canvas, margin, top + head);
      }
      top += heights[at];
    });
  }
  return new Promise(resolve => sheet.toBlob(resolve, 'image/png'));
}

/** `GPUs · 2026-11-22 14:20:00 – 14:30:00 · simulated`, in local time. */
function titleOf({ from, to, simulated }: ISubject, trans: TranslationBundle): string {
  const dates = [from, to].map(time => new Date(time * 1000).toLocaleDateString('sv'));
  const end = dates[0] === dates[1] ? timeOf(to) : `${dates[1]} ${timeOf(to)}`;
  const parts = [trans.__('GPUs'), `${dates[0]} ${timeOf(from)} – ${end}`];
  return [...parts, ...(simulated ? [trans.__('simulated')] : [])].join(' · ');
}

/** A line as it is drawn in the charts, and whose it is; one below the other. */
function drawLegend(
  context: CanvasRenderingContext2D,
  devices: readonly IDevice[],
  left: number,
  top: number,
  ratio: number
): void {
  devices.forEach((device, at) => {
    const { colour, dash } = strokeOf(device, isLight());
    const middle = top + (16 * at + 6) * ratio;
    context.strokeStyle = colour;
    context.lineWidth = 2 * ratio;
    context.setLineDash(dash.map(length => length * ratio));
    context.beginPath();
    context.moveTo(left, middle);
    context.lineTo(left + 24 * ratio, middle);
    context.stroke();
    context.fillText(
      `${label(device)}  ${shortName(device)}`,
      left + 32 * ratio,
      middle + 4 * ratio
    );
  });
}

function stamp(time: number): string {
  return new Date(time * 1000).toISOString().slice(0, 19).replace(/:/g, '');
}

/** Give the user a file. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
