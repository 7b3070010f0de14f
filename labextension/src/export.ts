/** What the charts show, as a file. */

import type { ServerConnection } from '@jupyterlab/services';
import { request } from './request';

/** Save the metrics from `from` to `to` (Unix seconds) as CSV, at the server's own resolution. */
export async function saveCsv(
  metrics: readonly string[],
  from: number,
  to: number,
  settings: ServerConnection.ISettings
): Promise<void> {
  const query = { since: from, until: to, metrics: metrics.join(','), format: 'csv' };
  const answer = await request('samples', query, settings);
  save(await answer.blob(), `gpus-${stamp(from)}.csv`);
}

/** Save the charts below `root` one under the other, each with its title, as a picture on the theme's ground. */
export async function savePng(root: HTMLElement, from: number): Promise<void> {
  const charts = [...root.querySelectorAll<HTMLElement>('.jp-GpuMon-chart')];
  const pictures = charts.map(chart => ({
    title: chart.querySelector('figcaption')?.textContent ?? '',
    canvas: chart.querySelector<HTMLCanvasElement>('.uplot canvas')
  }));
  const blob = await compose(pictures, getComputedStyle(root));
  if (blob) {
    save(blob, `gpus-${stamp(from)}.png`);
  }
}

interface IPicture {
  readonly title: string;
  readonly canvas: HTMLCanvasElement | null;
}

function compose(pictures: readonly IPicture[], style: CSSStyleDeclaration): Promise<Blob | null> {
  const ratio = window.devicePixelRatio || 1;
  const [head, margin] = [22 * ratio, 10 * ratio];
  const heights = pictures.map(({ canvas }) => (canvas?.height ?? 0) + head);
  const sheet = document.createElement('canvas');
  sheet.width = Math.max(1, ...pictures.map(({ canvas }) => canvas?.width ?? 0)) + 2 * margin;
  sheet.height = heights.reduce((sum, height) => sum + height, 2 * margin);
  const context = sheet.getContext('2d');
  if (context) {
    context.fillStyle = style.getPropertyValue('--jp-layout-color1').trim() || '#fff';
    context.fillRect(0, 0, sheet.width, sheet.height);
    context.fillStyle = style.getPropertyValue('--jp-ui-font-color1').trim() || '#000';
    context.font = `${12 * ratio}px ${style.fontFamily}`;
    let top = margin;
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

function stamp(time: number): string {
  return new Date(time * 1000).toISOString().slice(0, 19).replace(/:/g, '');
}

function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
