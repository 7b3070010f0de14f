/** One uPlot chart of one metric: a line per device, gaps as gaps, cells as bands, one cursor over all charts. */

import type { IDisposable } from '@lumino/disposable';
import uPlot from 'uplot';
import { moment, tick, type IScaleOf } from '../format';
import type { IWindow } from '../history';
import type { IStroke } from '../palette';
import type { IBand } from '../tokens';

/** A line of a chart. */
export interface ILine {
  readonly uuid: string;
  readonly label: string;
  readonly stroke: IStroke;
}

/** What a chart is made from. */
export interface IPlotOptions {
  readonly lines: readonly ILine[];
  readonly scale: IScaleOf;
  /** Upper end of the axis where it is known, and the line to draw there or below. */
  readonly top: number | null;
  readonly limit: number | null;
  readonly height: number;
  readonly onZoom: (from: number, to: number) => void;
  readonly onReset: () => void;
  readonly onCursor: (index: number | null, left: number) => void;
}

/** A chart in an element. Colours are read from the theme when it is made. */
export class Plot implements IDisposable {
  /** Draws nothing before `draw`. */
  constructor(
    private readonly _host: HTMLElement,
    private readonly _options: IPlotOptions
  ) {
    const width = Math.max(120, _host.clientWidth);
    this._style = getComputedStyle(_host);
    this._plot = new uPlot(this._build(width), undefined, _host);
  }

  /** The picture, for an export. */
  get canvas(): HTMLCanvasElement {
    return this._plot.ctx.canvas;
  }

  /** Whether this object is disposed. */
  get isDisposed(): boolean {
    return this._disposed;
  }

  /** Draw this piece of history. */
  draw(window: IWindow, from: number, to: number, bands: readonly IBand[]): void {
    this._bands = bands;
    this._range = [from, to];
    const nothing = window.time.map(() => null);
    const lines = this._options.lines.map(line => window.columns.get(line.uuid) ?? nothing);
    this._plot.setData([window.time, ...lines]);
  }

  /** Fit the element's width. */
  resize(): void {
    const width = this._host.clientWidth;
    if (width && width !== this._plot.width) {
      this._plot.setSize({ width, height: this._options.height });
    }
  }

  /** Move the cursor by points, from the keyboard. */
  step(by: number): void {
    const last = this._plot.data[0].length - 1;
    const index = Math.max(0, Math.min(last, (this._plot.cursor.idx ?? last) + by));
    const left = this._plot.valToPos(this._plot.data[0][index] ?? 0, 'x');
    this._plot.setCursor({ left, top: 10 });
  }

  /** Values under the cursor, in the order of the lines. */
  values(index: number): {
    readonly time: number;
    readonly values: readonly (number | null | undefined)[];
  } {
    const [time, ...columns] = this._plot.data;
    return { time: time[index], values: columns.map(column => column[index]) };
  }

  /** Remove the chart. */
  dispose(): void {
    this._disposed = true;
    this._plot.destroy();
  }

  private _build(width: number): uPlot.Options {
    return {
      width,
      height: this._options.height,
      legend: { show: false },
      padding: [6, 12, 0, 0],
      cursor: this._cursor(),
      scales: {
        x: { time: true, range: () => this._range },
        y: { range: (_, low, high) => this._reach(low, high) }
      },
      axes: [this._xAxis(), this._yAxis()],
      series: [{}, ...this._options.lines.map(line => this._series(line))],
      hooks: {
        drawClear: [plot => this._drawBands(plot)],
        draw: [plot => this._drawLimit(plot)],
        setSelect: [plot => this._select(plot)],
        setCursor: [plot => this._options.onCursor(plot.cursor.idx ?? null, plot.cursor.left ?? -1)]
      }
    };
  }

  private _cursor(): uPlot.Cursor {
    return {
      y: false,
      sync: { key: 'jp-GpuMon' },
      drag: { x: true, y: false, setScale: false },
      points: { size: 5 },
      bind: {
        dblclick: () => () => {
          this._options.onReset();
          return null;
        }
      }
    };
  }

  private _series(line: ILine): uPlot.Series {
    return {
      label: line.label,
      stroke: line.stroke.colour,
      dash: [...line.stroke.dash],
      width: 1.5,
      points: { show: false }
    };
  }

  private _xAxis(): uPlot.Axis {
    return {
      ...this._axis(),
      size: 18,
      gap: 2,
      space: 56,
      values: (plot, ticks) => {
        const step = ticks.length > 1 ? ticks[1] - ticks[0] : 60;
        const seconds = step < 60;
        const width = plot.bbox.width / devicePixelRatio;
        const half = seconds ? 14 : 6; // a label nearer than this to an end would be cut, or meet the other axis'
        const fits = (at: number): boolean => !width || (at >= half && at <= width - half);
        return ticks.map(time => (fits(plot.valToPos(time, 'x')) ? moment(time, step) : ''));
      }
    };
  }

  private _yAxis(): uPlot.Axis {
    return {
      ...this._axis(),
      size: 34,
      gap: 3,
      space: 26,
      values: (_, ticks) =>
        ticks.map(value => tick(value, this._options.scale.unit, this._options.top))
    };
  }

  private _axis(): uPlot.Axis {
    const line = this._colour('--jp-border-color2');
    return {
      stroke: this._colour('--jp-ui-font-color2'),
      font: `10px ${this._colour('--jp-ui-font-family') || 'sans-serif'}`,
      grid: { stroke: line, width: 1 },
      ticks: { show: false }
    };
  }

  private _reach(low: number | null, high: number | null): uPlot.Range.MinMax {
    const { top, scale } = this._options;
    if (scale.unit === 'celsius') {
      return [Math.min(20, low ?? 20), Math.max((top ?? 80) + 5, high ?? 0)];
    }
    const highest = Math.max(top ?? 0, (high ?? 0) * (top === null ? 1.1 : 1));
    return [Math.min(0, low ?? 0), highest > 0 ? highest : 1];
  }

  private _drawBands(plot: uPlot): void {
    const { ctx, bbox } = plot;
    for (const band of this._bands) {
      const [left, right] = [
        plot.valToPos(band.from, 'x', true),
        plot.valToPos(band.to, 'x', true)
      ];
      const [from, to] = [Math.max(left, bbox.left), Math.min(right, bbox.left + bbox.width)];
      if (to <= from) {
        continue;
      }
      ctx.save();
      ctx.globalAlpha = 0.1;
      ctx.fillStyle = this._colour('--jp-brand-color1');
      ctx.fillRect(from, bbox.top, Math.max(1, to - from), bbox.height);
      if (to - from > 30 * devicePixelRatio) {
        this._nameBand(ctx, band.title, from, to, bbox);
      }
      ctx.restore();
    }
  }

  private _nameBand(
    ctx: CanvasRenderingContext2D,
    title: string,
    from: number,
    to: number,
    { top, height }: uPlot.BBox
  ): void {
    ctx.globalAlpha = 1;
    ctx.textAlign = 'left'; // uPlot's axes leave theirs behind
    ctx.textBaseline = 'alphabetic';
    ctx.beginPath();
    ctx.rect(from, top, to - from, height);
    ctx.clip();
    ctx.fillStyle = this._colour('--jp-ui-font-color2');
    ctx.font = `${9 * devicePixelRatio}px ${this._colour('--jp-ui-font-family') || 'sans-serif'}`;
    ctx.fillText(title, from + 3 * devicePixelRatio, top + 10 * devicePixelRatio);
  }

  private _drawLimit(plot: uPlot): void {
    const { limit } = this._options;
    if (limit === null) {
      return;
    }
    const { ctx, bbox } = plot;
    const y = Math.round(plot.valToPos(limit, 'y', true));
    if (y < bbox.top || y > bbox.top + bbox.height) {
      return;
    }
    ctx.save();
    ctx.strokeStyle = this._colour('--jp-ui-font-color2');
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  }

  private _select(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width > 4) {
      this._options.onZoom(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'));
    }
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  private _colour(name: string): string {
    return this._style.getPropertyValue(name).trim();
  }

  private readonly _plot: uPlot;
  private readonly _style: CSSStyleDeclaration;
  private _bands: readonly IBand[] = [];
  private _range: [number, number] = [0, 1];
  private _disposed = false;
}
