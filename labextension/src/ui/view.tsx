/** The view of all GPUs, narrow in the sidebar and wide in the main area. */

import React, { useCallback, useEffect, useId, useMemo, useRef, useState } from 'react';
import type { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { calling } from '../alerts';
import type { EnergyUnit } from '../energy';
import type { IKernelActions } from '../kernels';
import type { Pause } from '../pause';
import type { IAlert } from '../schema';
import type { IGpuMon, IPreferences, Tab } from '../tokens';
import { notes } from '../words';
import { Footer, Header, Note } from './frame';
import { boards } from './gpus';
import { usePause, usePreferences, useTicks, useWatch } from './hooks';
import { Now } from './now';
import { PAGES } from './pages';
import { Tabs } from './tabs';

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
  /** The tab that a command wants shown; another object each time. */
  readonly chosen: { readonly tab: Tab } | null;
}

/** Steps in which a picture moves, in the sidebar and wide: less would not be seen, and each drawing costs. */
const PIXELS = { narrow: 200, wide: 300 };

type Zoom = readonly [number, number] | null;

/** Everything there is to see now. */
export function View(props: IViewProps): JSX.Element {
  const { model } = props.gpumon;
  const { trans } = props;
  const state = useViewState(props);
  const { id, tab, frozen } = state;
  return (
    <div ref={state.root} className={props.wide ? 'jp-GpuMon-view jp-mod-wide' : 'jp-GpuMon-view'}>
      <Header
        range={tab === 'now' ? state.range : null}
        reach={model.hello?.reach ?? 0}
        paused={frozen}
        onRange={state.onRange}
        onPause={state.onPause}
        onOpen={props.onOpen}
        trans={trans}
      />
      <Tabs id={id} tab={tab} onTab={state.onTab} calls={state.calls.length} trans={trans} />
      <div
        key={tab}
        id={`${id}-panel`}
        className="jp-GpuMon-scroll"
        role="tabpanel"
        aria-labelledby={`${id}-${tab}`}
      >
        {notes(model.hello, model.connection, props.version, trans).map(note => (
          <Note key={note.title} note={note} />
        ))}
        {tab === 'now' ? <Now {...props} state={state} /> : <Page {...props} state={state} />}
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

/** A tab that is loaded when it is first opened. */
function Page(props: IViewProps & { readonly state: IViewState }): JSX.Element | null {
  const { state, trans } = props;
  const { model, preferences } = props.gpumon;
  const unit = state.wishes.energyUnit;
  const say = useMemo(() => ({ trans, unit }), [trans, unit]);
  const onUnit = useCallback(
    (chosen: EnergyUnit) => preferences.set('energyUnit', chosen),
    [preferences]
  );
  const Content = PAGES.find(page => page.tab === state.tab)?.Content;
  return Content ? (
    <React.Suspense fallback={null}>
      <Content
        model={model}
        devices={model.devices}
        cells={model.bands}
        simulated={model.hello?.simulated ?? false}
        active={props.visible && !state.frozen}
        settings={props.settings}
        actions={props.actions}
        theme={props.theme}
        say={say}
        onUnit={onUnit}
      />
    </React.Suspense>
  ) : null;
}

/** What the user has chosen in a view, and its place in the stream. */
export interface IViewState {
  readonly id: string;
  readonly tab: Tab;
  readonly onTab: (tab: Tab) => void;
  readonly root: React.RefObject<HTMLDivElement>;
  readonly wishes: IPreferences;
  readonly range: number;
  readonly frozen: boolean;
  readonly now: number;
  readonly zoom: Zoom;
  /** Alerts that want to be looked at. */
  readonly calls: readonly IAlert[];
  readonly onRange: (range: number) => void;
  readonly onPause: () => void;
  readonly onZoom: (zoom: Zoom) => void;
}

function useViewState({ gpumon, visible, pause, wide, chosen }: IViewProps): IViewState {
  const { model } = gpumon;
  const wishes = usePreferences(gpumon);
  const [range, setRange] = useState(wishes.range);
  const [tab, setTab] = useState(known(wishes.tab));
  const id = useId();
  const frozen = usePause(pause);
  const [zoom, onZoom] = useState<Zoom>(null);
  const root = useRef<HTMLDivElement>(null);
  const onRange = (seconds: number): void => {
    setRange(seconds);
    onZoom(null);
  };
  useEffect(() => onRange(wishes.range), [wishes.range]);
  useEffect(() => (chosen ? setTab(known(chosen.tab)) : undefined), [chosen]);
  useWatch(model, visible, range, tab === 'now' ? wishes.metrics : null);
  useTicks(model, visible && frozen === null);
  const pixel = range / (wide ? PIXELS.wide : PIXELS.narrow);
  return {
    id,
    tab,
    onTab: name => {
      setTab(name);
      gpumon.preferences.set('tab', name);
    },
    root,
    wishes,
    range,
    frozen: frozen !== null,
    now: Math.floor((frozen ?? model.now()) / pixel) * pixel,
    zoom,
    calls: calling(model.alerts.firing, model.now()),
    onRange,
    onPause: () => pause.toggle(model.now()),
    onZoom
  };
}

/** A tab that is kept in the settings of a newer version is not known to an older one. */
function known(tab: Tab): Tab {
  return PAGES.some(page => page.tab === tab) ? tab : 'now';
}
