/** The view of all GPUs, narrow in the sidebar and wide in the main area. */

import React, { useEffect, useMemo, useRef, useState } from 'react';
import { Notification } from '@jupyterlab/apputils';
import type { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { saveCsv, savePng } from '../export';
import type { IKernelActions } from '../kernels';
import type { Pause } from '../pause';
import type { IDevice } from '../schema';
import type { IGpuModel, IGpuMon, IPreferences } from '../tokens';
import { isStale, notes } from '../words';
import { GpuCard, GpuLine, type IGpuProps } from './card';
import { Charts } from './charts';
import { Footer, Header, Note, Section } from './frame';
import { HappeningsSection } from './happenings';
import { usePause, usePreferences, useTicks, useWatch } from './hooks';
import { HostSection } from './host';
import { Processes } from './processes';

/** What a view is made from. */
export interface IViewProps {
  readonly gpumon: IGpuMon;
  readonly actions: IKernelActions;
  readonly pause: Pause;
  readonly settings: ServerConnection.ISettings;
  readonly trans: TranslationBundle;
  readonly version: string;
  readonly theme: string;
  readonly wide: boolean;
  readonly visible: boolean;
  readonly onOpen: (() => void) | null;
}

/** Steps in which a picture moves: less would not be seen, and each drawing costs. */
const PIXELS = 300;

type Zoom = readonly [number, number] | null;

/** Everything there is to see now. */
export function View(props: IViewProps): JSX.Element {
  const { model } = props.gpumon;
  const { trans } = props;
  const state = useViewState(props);
  const { range, frozen, now } = state;
  return (
    <div ref={state.root} className={props.wide ? 'jp-GpuMon-view jp-mod-wide' : 'jp-GpuMon-view'}>
      <Header
        range={range}
        paused={frozen}
        onRange={state.onRange}
        onPause={state.onPause}
        onOpen={props.onOpen}
        trans={trans}
      />
      <div className="jp-GpuMon-scroll">
        {notes(model.hello, model.connection, props.version, trans).map(note => (
          <Note key={note.title} note={note} />
        ))}
        <Gpus
          model={model}
          range={range}
          from={now - range}
          to={now}
          trans={trans}
          wishes={state.wishes}
        />
        <HappeningsSection model={model} from={now - range} trans={trans} />
        <Parts {...props} charts={<ViewCharts {...props} state={state} />} />
      </div>
      <Footer
        hello={model.hello}
        connection={model.connection}
        paused={frozen}
        boards={boards(model.devices).length}
        trans={trans}
      />
    </div>
  );
}

interface IViewState {
  readonly root: React.RefObject<HTMLDivElement>;
  readonly wishes: IPreferences;
  readonly range: number;
  readonly frozen: boolean;
  readonly now: number;
  readonly zoom: Zoom;
  readonly onRange: (range: number) => void;
  readonly onPause: () => void;
  readonly onZoom: (zoom: Zoom) => void;
}

/** What the user has chosen in this view, and its place in the stream. */
function useViewState({ gpumon, visible, pause }: IViewProps): IViewState {
  const { model } = gpumon;
  const wishes = usePreferences(gpumon);
  const [range, setRange] = useState(wishes.range);
  const frozen = usePause(pause);
  const [zoom, onZoom] = useState<Zoom>(null);
  const root = useRef<HTMLDivElement>(null);
  const onRange = (seconds: number): void => {
    setRange(seconds);
    onZoom(null);
  };
  useEffect(() => onRange(wishes.range), [wishes.range]);
  useWatch(model, visible, range, wishes.metrics);
  useTicks(model, visible && frozen === null);
  const pixel = range / PIXELS;
  return {
    root,
    wishes,
    range,
    frozen: frozen !== null,
    now: Math.floor((frozen ?? model.now()) / pixel) * pixel,
    zoom,
    onRange,
    onPause: () => pause.toggle(model.now()),
    onZoom
  };
}

function ViewCharts(props: IViewProps & { readonly state: IViewState }): JSX.Element {
  const { state, settings, gpumon } = props;
  const { metrics } = state.wishes;
  const [from, to] = state.zoom ?? [state.now - state.range, state.now];
  const onExport = (kind: 'csv' | 'png'): void => {
    const root = state.root.current ?? document.body;
    const { devices, hello } = gpumon.model;
    const subject = { devices, simulated: hello?.simulated ?? false, from, to };
    const saved =
      kind === 'csv' ? saveCsv(metrics, subject, settings) : savePng(root, subject, props.trans);
    saved.catch((error: Error) => Notification.error(error.message));
  };
  return (
    <Charts
      model={gpumon.model}
      metrics={metrics}
      range={state.range}
      at={state.now}
      from={from}
      to={to}
      zoomed={state.zoom !== null}
      wide={props.wide}
      theme={props.theme}
      trans={props.trans}
      onMetrics={chosen => gpumon.preferences.setMetrics(chosen)}
      onZoom={state.onZoom}
      onExport={onExport}
    />
  );
}

/** Notebooks, charts and host; in the wide view the charts come first. */
function Parts(props: IViewProps & { readonly charts: JSX.Element }): JSX.Element {
  const { trans, wide, actions } = props;
  const { model } = props.gpumon;
  const hello = model.hello;
  return (
    <>
      {wide && model.devices.length > 0 && props.charts}
      <div className="jp-GpuMon-parts">
        {model.devices.length > 0 && (
          <Section title={trans.__('Notebooks on these GPUs')} name="processes">
            <Processes
              processes={model.processes}
              devices={model.devices}
              foreign={hello?.pid_namespace === 'foreign'}
              actions={actions}
              trans={trans}
            />
          </Section>
        )}
        {!wide && model.devices.length > 0 && props.charts}
        <Section title={trans.__('Host')} name="host">
          <HostSection host={model.host} absent={hello?.host_absent ?? {}} trans={trans} />
        </Section>
      </div>
    </>
  );
}

interface IGpusProps {
  readonly model: IGpuModel;
  readonly range: number;
  readonly from: number;
  readonly to: number;
  readonly trans: TranslationBundle;
  readonly wishes: IPreferences;
}

function Gpus({ model, range, from, to, trans, wishes }: IGpusProps): JSX.Element {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const busy = useMemo(
    () => model.window('utilization', range, from, to),
    [model, model.revision, range, from, to]
  );
  const found = boards(model.devices);
  const propsOf = (device: IDevice): IGpuProps & { key: string } => ({
    key: device.uuid,
    device,
    instances: model.devices.filter(other => other.parent === device.uuid),
    gpus: model.gpus,
    busy,
    from,
    to,
    trans
  });
  const old = isStale(model.hello, model.connection) ? ' jp-mod-stale' : '';
  if (found.length <= wishes.cards) {
    return (
      <div className={`jp-GpuMon-cards${old}`}>{found.map(device => card(propsOf(device)))}</div>
    );
  }
  const toggle = (uuid: string): void => {
    const next = new Set(open);
    setOpen(next.delete(uuid) ? next : next.add(uuid));
  };
  return (
    <div className={`jp-GpuMon-lines${old}`}>
      <div className="jp-GpuMon-linesTitle">{titleOf(found, trans)}</div>
      {found.map(device => {
        const { key, ...rest } = propsOf(device);
        return <GpuLine key={key} {...rest} open={open.has(key)} onToggle={() => toggle(key)} />;
      })}
    </div>
  );
}

function card({ key, ...props }: IGpuProps & { key: string }): JSX.Element {
  return <GpuCard key={key} {...props} />;
}

function titleOf(found: readonly IDevice[], trans: TranslationBundle): string {
  const names = [...new Set(found.map(device => device.name))];
  return names.length === 1 ? `${found.length} × ${names[0]}` : trans.__('%1 GPUs', found.length);
}

/** Boards; and instances whose board is not shown. */
function boards(devices: readonly IDevice[]): readonly IDevice[] {
  const shown = new Set(devices.map(device => device.uuid));
  return devices.filter(device => !device.parent || !shown.has(device.parent));
}
