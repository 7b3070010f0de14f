/** A line without axes: how a metric went over the range. */

import React, { useEffect, useRef } from 'react';
import type { IStroke } from '../palette';

/** A sparkline of `values` over `from` to `to`, 0 at the bottom and 1 at the top; null breaks the line. */
export function Sparkline(props: Sparkline.IProps): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current) {
      draw(canvas.current, props);
    }
  }, [props.values, props.from, props.to, props.stroke.colour]);
  return <canvas ref={canvas} className="jp-GpuMon-spark" role="img" aria-label={props.label} />;
}

/** What a sparkline is made from. */
export namespace Sparkline {
  /** Properties of a sparkline. */
  export interface IProps {
    readonly time: readonly number[];
    readonly values: readonly (number | null)[];
    readonly from: number;
    readonly to: number;
    readonly stroke: IStroke;
    readonly label: string;
  }
}

function draw(canvas: HTMLCanvasElement, props: Sparkline.IProps): void {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  const context = canvas.getContext('2d');
  if (!context || !width) {
    return;
  }
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.strokeStyle = props.stroke.colour;
  context.lineWidth = 1.5;
  context.lineJoin = 'round';
  context.setLineDash([...props.stroke.dash]);
  context.beginPath();
  trace(context, props, width, height);
  context.stroke();
}

function trace(
  context: CanvasRenderingContext2D,
  props: Sparkline.IProps,
  width: number,
  height: number
): void {
  const scale = width / (props.to - props.from);
  let pen = false;
  props.time.forEach((time, at) => {
    const value = props.values[at] ?? null;
    if (value !== null) {
      const x = (time - props.from) * scale;
      const y = 1.5 + (1 - Math.min(1, value)) * (height - 3);
      if (pen) {
        context.lineTo(x, y);
      } else {
        context.moveTo(x, y);
      }
    }
    pen = value !== null;
  });
}
